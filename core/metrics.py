"""Every metric, declared and explained; shown on ``/metrics`` (Prometheus text format)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_LATENCY_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """One registry a server, so that tests may run several side by side."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sessions = Gauge("lobbylens_sessions", "Sessions open now.", registry=self.registry)
        self.sessions_ended = Counter(
            "lobbylens_sessions_ended",
            "Sessions ended, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self.offers_refused = Counter(
            "lobbylens_offers_refused",
            "Offers refused, by error code.",
            ["code"],
            registry=self.registry,
        )
        self.frames_received = Counter(
            "lobbylens_frames_received", "Frames decoded.", registry=self.registry
        )
        self.frames_dropped = Counter(
            "lobbylens_frames_dropped",
            "Frames replaced by a newer one before analysis.",
            registry=self.registry,
        )
        self.frames_shed = Counter(
            "lobbylens_frames_shed",
            "Frames left out of analysis because the server was overloaded.",
            registry=self.registry,
        )
        self.frames_thinned = Counter(
            "lobbylens_frames_thinned",
            "Frames of upper temporal layers left undecoded: for the same reason, or at rest.",
            registry=self.registry,
        )
        self.streams_slowed = Counter(
            "lobbylens_streams_slowed",
            "Times that a sender without such layers was asked for half as many frames instead.",
            registry=self.registry,
        )
        self.frames_outdated = Counter(
            "lobbylens_frames_outdated",
            "Frames left undecoded because they had waited too long: the processors are not ours.",
            registry=self.registry,
        )
        self.frames_undecodable = Counter(
            "lobbylens_frames_undecodable",
            "Frames that their decoder could do nothing with; a key frame is asked for.",
            registry=self.registry,
        )
        self.packets_asked = Counter(
            "lobbylens_packets_asked",
            "Packets of video that were missing and asked for (NACK), each time that they were.",
            registry=self.registry,
        )
        self.gaps_given_up = Counter(
            "lobbylens_gaps_given_up",
            "Times that missing packets did not come in time: the picture stood still until they "
            "or a key frame came.",
            registry=self.registry,
        )
        self.key_frames_asked = Counter(
            "lobbylens_key_frames_asked",
            "Key frames asked for (PLI): again and again until one comes.",
            registry=self.registry,
        )
        self.frame_age_seconds = Histogram(
            "lobbylens_frame_age_seconds",
            "Age of a WebRTC frame when its analysis begins, beyond that of the promptest ones.",
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        self.loop_lag = Gauge(
            "lobbylens_loop_lag_seconds",
            "95th percentile of the event loop's lag over the last 5 s.",
            registry=self.registry,
        )
        self.cpu_share = Gauge(
            "lobbylens_cpu_share",
            "Share of the processors that it may use which the server took over the last 5 s.",
            registry=self.registry,
        )
        self.tasks = Gauge("lobbylens_tasks", "Tasks on the event loop.", registry=self.registry)
        self.heap_used = Gauge(
            "lobbylens_heap_used_bytes",
            "Asked of the C library's heaps and not given back; 0 where it does not tell.",
            registry=self.registry,
        )
        self.python_blocks = Gauge(
            "lobbylens_python_blocks",
            "Pieces of memory that Python's objects take.",
            registry=self.registry,
        )
        self.load_level = Gauge(
            "lobbylens_load_level",
            "0: every frame is analysed, 1: every second, 2: every third, 3: and the uppermost "
            "temporal layer is not decoded, or half as many frames are asked for, 4: and none may "
            "join.",
            registry=self.registry,
        )
        self.load_decisions = Counter(
            "lobbylens_load_decisions",
            "Changes of the load level, by the level entered.",
            ["level"],
            registry=self.registry,
        )
        self.sessions_refused = Counter(
            "lobbylens_sessions_refused",
            "Sessions refused, by reason: full, load, shutdown.",
            ["reason"],
            registry=self.registry,
        )
        self.passed_on = Counter(
            "lobbylens_requests_passed_on",
            "Requests that this worker passed on to the one they belong to.",
            registry=self.registry,
        )
        self.restarts = Gauge(
            "lobbylens_worker_restarts",
            "How often this worker was replaced after it had ended by itself.",
            registry=self.registry,
        )
        self.profiles = Counter(
            "lobbylens_profiles",
            "Profiles chosen for sessions.",
            ["profile"],
            registry=self.registry,
        )
        self.analysis_seconds = Histogram(
            "lobbylens_analysis_seconds",
            "Time of one frame's analysis.",
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        self.overlay_seconds = Histogram(
            "lobbylens_overlay_seconds",
            "From a frame's decoding to its overlay message.",
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        self.guidance_latency_seconds = Histogram(
            "lobbylens_guidance_latency_seconds",
            "From a frame's decoding to the guidance message that speaks of it.",
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        self.reading_seconds = Histogram(
            "lobbylens_reading_seconds",
            "Time of reading one capture.",
            buckets=(0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0),
            registry=self.registry,
        )
        self.messages_skipped = Counter(
            "lobbylens_messages_skipped",
            "Overlay messages not sent because the channel was full.",
            registry=self.registry,
        )
        self.capture_states = Counter(
            "lobbylens_capture_states",
            "Capture states entered.",
            ["state"],
            registry=self.registry,
        )
        self.guidance_seconds = Histogram(
            "lobbylens_guidance_seconds",
            "How long guests were held by each guidance code at a time.",
            ["code"],
            buckets=(0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0),
            registry=self.registry,
        )
        self.documents = Counter(
            "lobbylens_documents",
            "Documents read, by status.",
            ["status"],
            registry=self.registry,
        )
        self.read_ahead = Counter(
            "lobbylens_read_ahead",
            "Frames read while the document was still held: certain, which ends the burst, or "
            "doubtful.",
            ["outcome"],
            registry=self.registry,
        )
        self.stills = Counter(
            "lobbylens_stills",
            "Stills awaited, by what became of them: used, no_better, late, invalid.",
            ["outcome"],
            registry=self.registry,
        )
        self.webhooks = Counter(
            "lobbylens_webhooks",
            "Events for webhooks, one for each address, by what became of them: delivered, "
            "refused, given_up, left_out, expired (too old for the spool), undelivered (at the "
            "server's end), kept (then, for the next start).",
            ["outcome"],
            registry=self.registry,
        )
        self.webhook_failures = Counter(
            "lobbylens_webhook_failures",
            "Attempts to deliver an event that were not taken.",
            registry=self.registry,
        )
        self.webhooks_waiting = Gauge(
            "lobbylens_webhooks_waiting",
            "Events for webhooks that are under way or wait for their next attempt.",
            registry=self.registry,
        )
        self.webhooks_oldest = Gauge(
            "lobbylens_webhooks_oldest_seconds",
            "Age of the oldest of them; 0 for none.",
            registry=self.registry,
        )
        self.cards = Counter("lobbylens_cards", "Cards filled.", registry=self.registry)
        self.errors = Counter(
            "lobbylens_errors",
            "Errors told to clients, by code.",
            ["code"],
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def render(self) -> bytes:
        """The exposition in Prometheus text format 0.0.4."""
        return generate_latest(self.registry)


class _Gathered:
    """A collector of what others have collected."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def merge(texts: Mapping[str, bytes]) -> bytes:
    """One exposition of several workers': each sample gets the label ``worker``.

    They are not added up: a counter that falls because its worker was replaced would look to
    Prometheus like all of them counting anew. ``sum without (worker) (rate(...))`` is right.
    """
    families: dict[str, Metric] = {}
    for worker, text in texts.items():
        for family in text_string_to_metric_families(text.decode()):
            known = families.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            for sample in family.samples:
                labels = {**sample.labels, "worker": worker}
                known.add_sample(sample.name, labels, sample.value)
    registry = CollectorRegistry()
    registry.register(_Gathered(families.values()))
    return generate_latest(registry)
