"""`leedctl bundle`: look into a bundle, or hold it to its digests and golden vectors."""

from pathlib import Path
from typing import Annotated

import typer

from leed_traffic.cli.terminal.output import JsonOption, print_json, print_table
from leed_traffic.domain.short_ids import fold_ids

app = typer.Typer(no_args_is_help=True, help="Bundles: trained policies with the contract they run under.")

PathArgument = Annotated[Path, typer.Argument(help="The bundle's folder.", show_default=False)]


@app.command("inspect")
def inspect_command(path: PathArgument, as_json: JsonOption = False) -> None:
    """Show what a bundle holds and what it was trained for; every file is held to its digest first.

    \b
    Examples:
        leedctl bundle inspect models/arterial5
        leedctl bundle inspect models/arterial5 --json
    """
    from leed_traffic.artifacts.bundle import read_bundle

    bundle = read_bundle(path)
    manifest = bundle.manifest
    if as_json:
        print_json({"path": str(path), "digest": bundle.digest, **manifest.model_dump(mode="json")})
        return
    training = manifest.training
    delay = "-" if training.validation_delay_s is None else f"{training.validation_delay_s:.1f} s"
    rows = [
        ["bundle", bundle.digest[:16]],
        ["scenario", manifest.scenario],
        ["network", manifest.network_digest[:16]],
        ["site limits", f"{manifest.site_name} ({manifest.site_digest[:16]})"],
        ["decision every", f"{manifest.decision_interval_s:g} s"],
        ["detector reach", f"{manifest.reach_m:g} m"],
        ["demonstrations by", training.author or "nobody"],
        ["trained with seed", str(training.seed)],
        ["on-policy hours", str(training.episodes)],
        ["hours in all", f"{training.simulated_hours:.1f}"],
        ["validation delay", delay],
        [
            "made with",
            f"leed_traffic {manifest.leed_version}, SUMO {training.sumo_version}, torch {training.torch_version}",
        ],
    ]
    print_table("Bundle", ["what", "value"], rows)
    names = fold_ids(e.id for e in manifest.intersections)
    entries = [
        [names[e.id], str(len(e.observation)), str(len(e.stages)), e.digest[:16]] for e in manifest.intersections
    ]
    print_table("Intersections", ["id", "inputs", "stages", "digest"], entries)


@app.command("verify")
def verify_command(
    path: PathArgument,
    trust: Annotated[Path | None, typer.Option(help="Public key that the bundle must be signed with.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every file's digest, load every policy and compare its answers with those it was exported with.

    Exit code 3 if anything differs.

    \b
    Examples:
        leedctl bundle verify models/arterial5
        leedctl bundle verify models/arterial5 --trust agency.key.pub
    """
    from leed_traffic.artifacts.policy import verify_bundle

    bundle = verify_bundle(path, trust)
    vectors = sum(len(policy.golden.observation) for policy in bundle.policies)
    if as_json:
        print_json(
            {"path": str(path), "digest": bundle.digest, "policies": len(bundle.ids), "golden_vectors": vectors}
        )
        return
    print(
        f"{path}: {len(bundle.ids)} policies, {vectors} golden vectors, all as exported; digest "
        f"{bundle.digest[:16]}"
    )


@app.command("keygen")
def keygen_command(
    path: Annotated[
        Path, typer.Argument(help="Of the private key; the public one gets .pub behind it.", show_default=False)
    ],
) -> None:
    """Make an Ed25519 key pair: the private key signs bundles, the public one goes to the controllers.

    \b
    Examples:
        leedctl bundle keygen agency.key
    """
    from leed_traffic.artifacts.signature import make_keys

    private, public = make_keys(path)
    print(f"{private}: keep it secret; {public}: for leedctl serve --trust")


@app.command("sign")
def sign_command(
    path: PathArgument,
    key: Annotated[Path, typer.Option(help="Private key, made by leedctl bundle keygen.", show_default=False)],
) -> None:
    """Sign a bundle; controllers started with --trust run no other.

    \b
    Examples:
        leedctl bundle sign models/arterial5 --key agency.key
    """
    from leed_traffic.artifacts.signature import sign_bundle

    bundle = sign_bundle(path, key)
    print(f"{path}: signed; digest {bundle.digest[:16]}")
