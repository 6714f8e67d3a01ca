from leed_traffic.simulation.score.incidents import DrivenRoute, Incident, IncidentKind, read_incidents, read_ways


def crash(time_s, *vehicles, lane=":X_0_0", **changes):
    return Incident(kind=IncidentKind.COLLISION, time_s=time_s, vehicles=vehicles, lane=lane, **changes)


def test_sumo_s_own_words_are_read(tmp_path):
    (tmp_path / "collisions.xml").write_text(
        '<collisions><collision time="7.00" type="junction" lane=":C_13_0" collider="a" victim="b"/>'
        '<collision time="8.00" type="crossing" lane=":C_11_0" collider="c" victim="walker"/></collisions>'
    )
    (tmp_path / "warnings.log").write_text(
        "Warning: Vehicle 'd' performs emergency braking on lane 'x_1' with decel=9.00, wished=4.50, time=9.00.\n"
        "Warning: Vehicle 'd' performs emergency stop at the end of lane 'x_1' because of a red traffic light "
        "(decel=-13.7, offset=2.6), time=9.50.\n"
        "Warning: Vehicle 'e' performs emergency stop at the end of lane 'y_0' (decel=-13.7, offset=2.6), time=10.00.\n"
    )
    (tmp_path / "ways.xml").write_text(
        '<routes><vehicle id="a"><route edges="p q r" exitTimes="1.00 5.00 -1.00"/></vehicle>'
        '<vehicle id="b"><routeDistribution><route edges="x"/><route edges="s t" exitTimes="6.00 9.00"/></routeDistribution>'
        '</vehicle><vehicle id="z"><route edges="p q" exitTimes="1.00 5.00"/></vehicle></routes>'
    )
    red = {"kind": IncidentKind.EMERGENCY_STOP, "is_at_red": True}
    assert read_incidents(tmp_path) == [
        crash(7.0, "a", "b", lane=":C_13_0"),
        crash(8.0, "c", lane=":C_11_0", is_with_person=True),
        Incident(time_s=9.5, vehicles=("d",), lane="x_1", **red),
        Incident(time_s=10.0, vehicles=("e",), lane="y_0", **(red | {"is_at_red": False})),
    ]
    assert read_ways(tmp_path, {"a", "b", "c"}) == {
        "a": DrivenRoute(edges=("p", "q", "r"), left_s=(1.0, 5.0)),
        "b": DrivenRoute(edges=("s", "t"), left_s=(6.0, 9.0)),
    }
