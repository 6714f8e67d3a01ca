"""Options of SUMO 1.28, and what becomes of each in somebody's configuration (`sumo --save-template` lists them).

Whatever changes what is simulated is taken or refused by name; nothing of the kind is dropped in silence. An
option that is not here is refused, too: it is misspelt, or of a version that nobody has looked at.
"""

# Devices that change how a vehicle drives, and write nothing of their own accord.
_DEVICES = "rerouting driverstate taxi bluelight toc battery elechybrid glosa stationfinder friction routing"
_FLAGS = """
    junction-taz step-method.ballistic extrapolate-departpos no-internal-links ignore-route-errors ignore-accidents
    sloppy-insert eager-insert emergency-insert lanechange.overtake-right railsignal-moving-block slope-centered
    overhead-wire.solver overhead-wire.recuperation overhead-wire.substation-current-limits parking.maneuver use-stop-ended
    use-stop-started pedestrian.striping.legacy-departposlat mapmatch.junctions mapmatch.taz weights.random-factor.dynamic
    persontrip.ride-public-line replay-rerouting device.rerouting.deterministic device.rerouting.invalidation
    device.rerouting.with-taz device.rerouting.init-with-loaded-weights device.rerouting.synchronize
    device.rerouting.railsignal device.rerouting.bike-speeds person-device.rerouting.deterministic
    device.stationfinder.deterministic device.stationfinder.checkEnergyForRoute device.battery.deterministic
    device.battery.track-fuel device.toc.deterministic device.toc.mrmKeepRight device.driverstate.deterministic
    device.bluelight.deterministic device.elechybrid.deterministic device.taxi.deterministic device.glosa.deterministic
    device.glosa.use-queue device.glosa.override-safety device.glosa.ignore-cfmodel device.friction.deterministic
"""
_NUMBERS = """
    lateral-resolution max-num-vehicles max-num-persons scale tls.actuated.jam-threshold tls.actuated.detector-length
    tls.delay_based.detector-range tls.yellow.min-decel railsignal.moving-block.max-dist railsignal.max-block-length
    default.action-step-length default.speeddev pedestrian.timegap-crossing pedestrian.striping.stripe-width
    pedestrian.striping.dawdling pedestrian.striping.mingap-to-vehicle pedestrian.striping.jamfactor
    pedestrian.striping.reserve-oncoming pedestrian.striping.reserve-oncoming.junctions
    pedestrian.striping.reserve-oncoming.max pedestrian.striping.walkingarea-detail pedestrian.jupedsim.exit-tolerance
    pedestrian.jupedsim.strength-neighbor-repulsion pedestrian.jupedsim.range-neighbor-repulsion
    pedestrian.jupedsim.strength-geometry-repulsion pedestrian.jupedsim.range-geometry-repulsion ride.stop-tolerance
    mapmatch.distance weights.turnaround-penalty weights.reversal-penalty persontrip.walk-opposite-factor
    weights.random-factor weights.minor-penalty weights.tls-penalty weights.priority-factor weights.separate-turns
    persontrip.walkfactor railway.max-train-length device.rerouting.probability device.rerouting.adaptation-weight
    device.rerouting.adaptation-steps device.rerouting.cch-update-threshold.factor device.rerouting.cch-ensemble
    device.rerouting.threshold.factor person-device.rerouting.probability device.stationfinder.probability
    device.stationfinder.reserveFactor device.stationfinder.emptyThreshold device.stationfinder.maxEuclideanDistance
    device.stationfinder.saturatedChargeLevel device.stationfinder.needToChargeLevel
    device.stationfinder.opportunisticChargeLevel device.stationfinder.replacePlannedStop
    device.stationfinder.maxDistanceToReplacedStop device.battery.probability device.toc.probability device.toc.responseTime
    device.toc.recoveryRate device.toc.lcAbstinence device.toc.initialAwareness device.toc.mrmDecel
    device.toc.dynamicToCThreshold device.toc.dynamicMRMProbability device.toc.mrmSafeSpotDuration
    device.toc.maxPreparationAccel device.toc.ogNewTimeHeadway device.toc.ogNewSpaceHeadway device.toc.ogMaxDecel
    device.toc.ogChangeRate device.driverstate.probability device.driverstate.initialAwareness
    device.driverstate.errorTimeScaleCoefficient device.driverstate.errorNoiseIntensityCoefficient
    device.driverstate.speedDifferenceErrorCoefficient device.driverstate.headwayErrorCoefficient
    device.driverstate.freeSpeedErrorCoefficient device.driverstate.speedDifferenceChangePerceptionThreshold
    device.driverstate.headwayChangePerceptionThreshold device.driverstate.minAwareness
    device.driverstate.maximalReactionTime device.bluelight.probability device.bluelight.reactiondist
    device.bluelight.mingapfactor device.elechybrid.probability device.taxi.probability device.glosa.probability
    device.glosa.range device.glosa.max-speedfactor device.glosa.min-speed device.glosa.add-switchtime
    device.friction.probability device.friction.stdDev device.friction.offset thread-rngs
"""
_TIMES = """
    route-steps ignore-junction-blocker keep-after-arrival waiting-time-memory startup-wait-threshold random-depart-offset
    lanechange.duration time-to-impatience pedestrian.striping.jamtime pedestrian.striping.jamtime.crossing
    pedestrian.striping.jamtime.narrow pedestrian.jupedsim.step-length persontrip.taxi.waiting-time device.rerouting.period
    device.rerouting.pre-period device.rerouting.adaptation-interval device.rerouting.cch-update-threshold.constant
    device.rerouting.threshold.constant person-device.rerouting.period device.stationfinder.rescueTime
    device.stationfinder.radius device.stationfinder.repeat device.stationfinder.waitForCharge
    device.stationfinder.minOpportunityDuration device.taxi.dispatch-period device.taxi.dispatch-keep-unreachable
"""
_WORDS = """
    scale-suffix insertion-checks railsignal.moving-block.default-classes railsignal.default-classes default.departlane
    default.carfollowmodel pedestrian.model pedestrian.jupedsim.model routing-algorithm persontrip.transfer.car-walk
    persontrip.transfer.taxi-walk persontrip.transfer.walk-taxi persontrip.default.group device.rerouting.explicit
    device.rerouting.mode person-device.rerouting.explicit person-device.rerouting.mode person-device.rerouting.scope
    device.stationfinder.explicit device.stationfinder.rescueAction device.stationfinder.chargeType
    device.stationfinder.chargingStrategy device.battery.explicit device.toc.explicit device.toc.manualType
    device.toc.automatedType device.toc.mrmSafeSpot device.driverstate.explicit device.bluelight.explicit
    device.elechybrid.explicit device.taxi.explicit device.taxi.dispatch-algorithm device.taxi.dispatch-algorithm.params
    device.taxi.idle-algorithm device.taxi.vclasses device.glosa.explicit device.friction.explicit default.emergencydecel
    default.departspeed
"""
# Taken: they shape the traffic. What their values are: flag, number, time or word.
_KINDS = (("flag", _FLAGS), ("number", _NUMBERS), ("time", _TIMES), ("word", _WORDS))
TAKEN = {name: kind for kind, names in _KINDS for name in names.split()}
# Set by us for every run, or read from the configuration in another way: files, hour, seed; nobody is teleported,
# collisions are counted and leave the traffic as it is, nobody gives up waiting to enter, every trip is recorded,
# signals are on.
_OURS = """
    net-file route-files additional-files begin end step-length threads collision.action intermodal-collision.action
    collision.stoptime intermodal-collision.stoptime collision.check-junctions collision.check-junctions.mingap
    collision.mingap-factor max-num-teleports time-to-teleport time-to-teleport.highways time-to-teleport.highways.min-speed
    time-to-teleport.disconnected time-to-teleport.remove time-to-teleport.remove-constraint time-to-teleport.ride
    time-to-teleport.bidi time-to-teleport.railsignal-deadlock max-depart-delay device.tripinfo.probability
    device.tripinfo.explicit device.tripinfo.deterministic remote-port num-clients seed tls.all-off
"""
# Refused, unless they stand at SUMO's default: the value there, and why.
REFUSED = {
    "configuration-file": ("", "a configuration within the configuration is not read; put its options here"),
    "weight-files": ("", "travel times of another run are not read; give the vehicles their routes (duarouter)"),
    "load-state": ("", "a run begins with empty streets; begin earlier instead"),
    "astar.all-distances": ("", "a file beside the net is not read; SUMO routes without it, only slower"),
    "astar.landmark-distances": ("", "a file beside the net is not read; SUMO routes without it, only slower"),
    "device.fcd-replay.probability": ("-1", "vehicles that replay a recording heed no signal"),
    "device.fcd-replay.explicit": ("", "vehicles that replay a recording heed no signal"),
    "device.fcd-replay.files": ("", "vehicles that replay a recording heed no signal"),
    "mesosim": ("false", "leedctl simulates vehicle by vehicle, and its figures would be another simulation's"),
    "random": ("false", "a run is to repeat, its seed comes from the command"),
}
# Outputs, messages, windows, and what only matters beside a refused option: left behind.
_NO_MATTER = """
    load-state.offset load-state.remove-vehicles save-configuration save-configuration.relative save-template save-schema
    save-commented weight-attribute write-license write-metadata output-prefix output-suffix precision precision.geo
    output.compression output.format output.column-header output.column-separator human-readable-time netstate-dump
    netstate-dump.empty-edges netstate-dump.precision emission-output emission-output.precision emission-output.geo
    emission-output.step-scaled emission-output.attributes battery-output battery-output.precision elechybrid-output
    elechybrid-output.precision elechybrid-output.aggregated chargingstations-output chargingstations-output.aggregated
    chargingstations-output.aggregated.write-unfinished overheadwiresegments-output substations-output
    substations-output.precision fcd-output fcd-output.geo fcd-output.utm fcd-output.signals fcd-output.distance
    fcd-output.acceleration fcd-output.speed-relative fcd-output.max-leader-distance fcd-output.params
    fcd-output.filter-edges.input-file fcd-output.attributes fcd-output.filter-shapes fcd-output.skip-empty
    person-fcd-output device.ssm.filter-edges.input-file full-output queue-output queue-output.period
    queue-output.aggregation queue-output.speed-threshold queue-output.percentile queue-output.skip-empty vtk-output
    amitran-output summary-output summary-output.period person-summary-output tripinfo-output
    tripinfo-output.write-unfinished tripinfo-output.write-undeparted personinfo-output vehroute-output
    vehroute-output.exit-times vehroute-output.last-route vehroute-output.sorted vehroute-output.dua vehroute-output.cost
    vehroute-output.intended-depart vehroute-output.route-length vehroute-output.write-unfinished
    vehroute-output.skip-ptlines vehroute-output.incomplete vehroute-output.stop-edges vehroute-output.speedfactor
    vehroute-output.internal personroute-output link-output railsignal-block-output railsignal-vehicle-output bt-output
    lanechange-output lanechange-output.started lanechange-output.ended lanechange-output.xy stop-output
    stop-output.write-unfinished collision-output edgedata-output lanedata-output statistic-output deadlock-output
    save-state.times save-state.period save-state.period.keep save-state.prefix save-state.suffix save-state.files
    save-state.rng save-state.transportables save-state.constraints save-state.precision pedestrian.jupedsim.wkt
    pedestrian.jupedsim.wkt.geo pedestrian.jupedsim.py tls.actuated.show-detectors emergencydecel.warning-threshold
    device.rerouting.threads device.rerouting.output verbose print-options help version xml-validation xml-validation.net
    xml-validation.routes no-warnings aggregate-warnings log message-log error-log log.timestamps log.processid language
    duration-log.disable duration-log.statistics no-step-log step-log.period emissions.volumetric-fuel phemlight-path
    phemlight-year phemlight-temperature device.emissions.probability device.emissions.explicit
    device.emissions.deterministic device.emissions.begin device.emissions.period device.btreceiver.probability
    device.btreceiver.explicit device.btreceiver.deterministic device.btreceiver.range device.btreceiver.all-recognitions
    device.btreceiver.offtime device.btsender.probability device.btsender.explicit device.btsender.deterministic
    person-device.btsender.probability person-device.btsender.explicit person-device.btsender.deterministic
    person-device.btreceiver.probability person-device.btreceiver.explicit person-device.btreceiver.deterministic
    device.example.probability device.example.explicit device.example.deterministic device.example.parameter
    device.ssm.probability device.ssm.explicit device.ssm.deterministic device.ssm.measures device.ssm.thresholds
    device.ssm.trajectories device.ssm.range device.ssm.extratime device.ssm.mdrac.prt device.ssm.file device.ssm.geo
    device.ssm.write-positions device.ssm.write-lane-positions device.ssm.write-na device.ssm.exclude-conflict-types
    device.toc.useColorScheme device.toc.file device.fcd.probability device.fcd.explicit device.fcd.deterministic
    device.fcd.begin device.fcd.period device.fcd.radius person-device.fcd.probability person-device.fcd.explicit
    person-device.fcd.deterministic person-device.fcd.period device.taxi.dispatch-algorithm.output
    device.taxi.idle-algorithm.output device.vehroute.probability device.vehroute.explicit device.vehroute.deterministic
    device.fcd-replay.deterministic device.fcd-replay.consistency meso-ltm meso-edgelength meso-tauff meso-taufj meso-taujf
    meso-taujj meso-jam-threshold meso-multi-queue meso-lane-queue meso-ignore-lanes-by-vclass meso-junction-control
    meso-junction-control.limited meso-tls-penalty meso-tls-flow-penalty meso-minor-penalty meso-overtaking meso-recheck
    meso-interpolate-pos gui-settings-file quit-on-end game game.mode start delay breakpoints edgedata-files
    alternative-net-file selection-file demo disable-textures registry-viewport window-size window-pos tracker-interval
    gui-testing gui-testing-debug gui-testing.setting-output
"""
# Other names of options, SUMO's short and deprecated ones.
_SYNONYMS = """
    c=configuration-file configuration=configuration-file C=save-configuration save-config=save-configuration
    save-config.relative=save-configuration.relative save-template.commented=save-commented n=net-file net=net-file
    r=route-files routes=route-files a=additional-files additional=additional-files w=weight-files weights=weight-files
    measure=weight-attribute x=weight-attribute H=human-readable-time ndump=netstate-dump netstate=netstate-dump
    netstate-output=netstate-dump dump-empty-edges=netstate-dump.empty-edges
    netstate-output.empty-edges=netstate-dump.empty-edges netstate.empty-edges=netstate-dump.empty-edges
    dump-precision=netstate-dump.precision netstate-output.precision=netstate-dump.precision
    netstate.precision=netstate-dump.precision person-fcd=person-fcd-output summary=summary-output tripinfo=tripinfo-output
    personinfo=personinfo-output vehroutes=vehroute-output vehroutes.exit-times=vehroute-output.exit-times
    vehroutes.last-route=vehroute-output.last-route vehroutes.sorted=vehroute-output.sorted
    vehroutes.dua=vehroute-output.dua vehroutes.intended-depart=vehroute-output.intended-depart
    vehroutes.route-length=vehroute-output.route-length personroutes=personroute-output statistics-output=statistic-output
    b=begin e=end s=route-steps railsignal.moving-block=railsignal-moving-block carfollow.model=default.carfollowmodel
    device.rerouting.knownveh=device.rerouting.explicit device.routing.period=device.rerouting.period
    device.routing.pre-period=device.rerouting.pre-period
    device.routing.adaptation-weight=device.rerouting.adaptation-weight
    device.routing.adaptation-steps=device.rerouting.adaptation-steps
    device.routing.adaptation-interval=device.rerouting.adaptation-interval
    device.routing.with-taz=device.rerouting.with-taz with-taz=device.rerouting.with-taz
    routing-threads=device.rerouting.threads person-device.rerouting.knownveh=person-device.rerouting.explicit
    person-device.routing.period=person-device.rerouting.period v=verbose ?=help V=version X=xml-validation W=no-warnings
    suppress-warnings=no-warnings l=log log-file=log no-duration-log=duration-log.disable t=duration-log.statistics
    device.emissions.knownveh=device.emissions.explicit device.btreceiver.knownveh=device.btreceiver.explicit
    device.btsender.knownveh=device.btsender.explicit person-device.btsender.knownveh=person-device.btsender.explicit
    person-device.btreceiver.knownveh=person-device.btreceiver.explicit
    device.stationfinder.knownveh=device.stationfinder.explicit device.battery.knownveh=device.battery.explicit
    device.example.knownveh=device.example.explicit device.ssm.knownveh=device.ssm.explicit
    device.toc.knownveh=device.toc.explicit device.driverstate.knownveh=device.driverstate.explicit
    device.bluelight.knownveh=device.bluelight.explicit device.fcd.knownveh=device.fcd.explicit
    person-device.fcd.knownveh=person-device.fcd.explicit device.elechybrid.knownveh=device.elechybrid.explicit
    device.taxi.knownveh=device.taxi.explicit taxi.vclasses=device.taxi.vclasses device.glosa.knownveh=device.glosa.explicit
    device.tripinfo.knownveh=device.tripinfo.explicit device.vehroute.knownveh=device.vehroute.explicit
    device.friction.knownveh=device.friction.explicit device.fcd-replay.knownveh=device.fcd-replay.explicit
    device.fcd-replay.file=device.fcd-replay.files meso.ignore-lanes.by-vclass=meso-ignore-lanes-by-vclass abs-rand=random
    srand=seed g=gui-settings-file Q=quit-on-end G=game S=start d=delay B=breakpoints data-files=edgedata-files
    m=edgedata-files N=alternative-net-file D=demo T=disable-textures
"""

DRIVING_DEVICES = frozenset(_DEVICES.split())
OURS = frozenset(_OURS.split())
NO_MATTER = frozenset(_NO_MATTER.split())
SYNONYMS = dict(pair.split("=") for pair in _SYNONYMS.split())
