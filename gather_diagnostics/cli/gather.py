"""`gather_diagnostics --service NAME`: collect, analyze, bundle."""

from __future__ import annotations

from pathlib import Path

import click

from gather_diagnostics import __version__
from gather_diagnostics.cli.asking import build_request, choose_sources
from gather_diagnostics.cli.options import config_option, load_config, on_bug, output_options, sign_option
from gather_diagnostics.cli.result import show
from gather_diagnostics.cli.share import share_delivered, share_option
from gather_diagnostics.cli.surveys import show_surveys, surveyed

EPILOG = """\b
Examples:
  gather_diagnostics --service checkout                        the last 60 minutes
  gather_diagnostics --service checkout --since 2h
  gather_diagnostics --service checkout --at 02:47             around an alert
  gather_diagnostics --service checkout --from 2026-03-14T02:00Z --to 2026-03-14T03:30Z
  kubectl logs -n shop deploy/checkout --timestamps --since=2h |
      gather_diagnostics --service checkout --logs -
  gather_diagnostics --service checkout --dry-run              what would be read
  gather_diagnostics demo                                      a staged incident
\b
Exit codes: 0 complete, 1 usage or configuration error, 2 written but partial,
3 no source could be read, 4 verification failed, 130 interrupted.
"""


@click.group(invoke_without_command=True, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--service", metavar="NAME", help="The service that is in trouble.")
@click.option("--since", metavar="DURATION", help="Incident window: this long until now (or --at), e.g. 2h. [60m]")
@click.option("--at", metavar="TIME", help="When it was noticed: the window is 45 min before to 15 min after.")
@click.option("--from", "start", metavar="TIME", help="Start of the incident window.")
@click.option("--to", "end", metavar="TIME", help="End of the incident window. [now]")
@click.option("--change-window", metavar="DURATION", help="How far back changes are looked up. [24h]")
@click.option("--source", "names", multiple=True, metavar="NAME", help="Read this source only; repeatable.")
@click.option("--logs", multiple=True, metavar="GLOB", help="Read these log files; - is stdin; repeatable.")
@click.option("--context", "contexts", multiple=True, metavar="NAME", help="Kubernetes context; repeatable.")
@click.option("--namespace", "-n", metavar="NAME", help="Kubernetes namespace.")
@config_option
@click.option("--deadline", default="60s", metavar="DURATION", show_default=True, help="For the whole run.")
@click.option("--description", default="", metavar="TEXT", help="What the alert said.")
@click.option("--severity", default="", metavar="LEVEL", help="Your own severity, e.g. SEV2 or P1; it wins.")
@click.option("--runbooks", "folders", multiple=True, metavar="DIR", help="A folder of your own; repeatable.")
@click.option("--dry-run", is_flag=True, help="Say what would be read from where; read nothing.")
@sign_option
@share_option
@output_options
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def gather(
    context: click.Context,
    *,
    service: str | None,
    since: str | None,
    at: str | None,
    start: str | None,
    end: str | None,
    change_window: str | None,
    names: tuple[str, ...],
    logs: tuple[str, ...],
    contexts: tuple[str, ...],
    namespace: str | None,
    config_path: Path | None,
    deadline: str,
    description: str,
    severity: str,
    folders: tuple[str, ...],
    dry_run: bool,
    key: Path | None,
    shared: bool,
    out: Path,
    format_: str,
    quiet: bool,
    debug: bool,
) -> int | None:
    """Collect evidence for an incident: when it really started, what changed just before, which change most
    likely did it and why. Reads git, Kubernetes, CloudWatch, Prometheus and log files;
    changes nothing anywhere. Writes one bundle.

    Times: 2026-03-14T02:47Z, '2026-03-14 02:47' (local), 02:47 (today), '25m ago'. Durations: 90s, 45m, 2h, 1d.
    """
    if context.invoked_subcommand:
        return None
    if not service:
        raise click.UsageError("say which service is in trouble: --service NAME", context)
    from gather_diagnostics import pipeline, progress, runner
    from gather_diagnostics.response import responder

    config = load_config(config_path)
    if logs:
        config.override("logfiles", {"paths": [_absolute(glob) for glob in logs]})
    cluster = {"contexts": list(contexts), "namespace": namespace}
    config.override("kubernetes", {name: value for name, value in cluster.items() if value})
    request = build_request(
        config, service, since=since, at=at, start=start, end=end, change_window=change_window,
        deadline=deadline, description=description, severity=severity,
    )  # fmt: skip
    chosen = choose_sources(names)
    sources = runner.load_sources(config, service, chosen)
    if dry_run:
        show_surveys(request, surveyed(config, request, sources, check=False), ready="would be read", format_=format_)
        return 0
    if key:
        from gather_diagnostics import bundle

        bundle.check_key(key)
    # Before anything is asked: what is wrong with them is told now, and not when the evidence is there.
    settings = config.settings.response
    settings = settings.model_copy(update={"runbooks": [*settings.runbooks, *folders]})
    respond = responder(settings)
    if severity:
        from gather_diagnostics.response.severity import rank

        rank(severity, settings.severity_scheme)
    with progress.choose(chosen, quiet=quiet) as shown:
        redactor = config.settings.redaction.redactor()
        delivered = pipeline.investigate(
            request, sources, out, asked_for=names, progress=shown, on_bug=on_bug(debug), redactor=redactor,
            respond=respond,
        )  # fmt: skip
    try:
        if key:
            bundle.sign(bundle.Written(delivered.folder, delivered.archive), key)
    finally:
        # The evidence is there, whatever became of the signature.
        show(delivered, format_)
    if shared:
        share_delivered(delivered, out)
    return delivered.exit_code


def _absolute(glob: str) -> str:
    return glob if glob == "-" else str(Path(glob).expanduser().absolute())
