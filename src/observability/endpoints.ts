/** What a worker answers to Prometheus and to the kubelet. */
import type { Reply, Routes } from './http-server.ts';
import type { MetricsExposition } from './metrics-exposition.ts';

/** Why a probe fails, as a sentence; undefined when it succeeds. */
export type ProbeFailure = string | undefined;

/** Probes of the process. */
export interface Probes {
  /** Liveness, without I/O. */
  liveness(): ProbeFailure;
  /** Readiness, within two seconds. */
  readiness(): Promise<ProbeFailure>;
  /** What a ready worker does without at the moment, and why, as sentences: the other pods would fare no better. */
  limitations(): readonly string[];
}

/** `/metrics`, in Prometheus' text format. */
export function metricsRoutes(metrics: MetricsExposition): Routes {
  return {
    '/metrics': () => ({ status: 200, headers: { 'content-type': metrics.contentType }, body: metrics.parts() }),
  };
}

/** `/healthz` ignores outages of Temporal and the API server, which no restart ends; `/readyz` gives the reason. */
export function probeRoutes(probes: Probes): Routes {
  return {
    '/healthz': () => probeReply(probes.liveness()),
    '/readyz': async () => probeReply(await probes.readiness(), probes.limitations()),
  };
}

function probeReply(failure: ProbeFailure, limitations: readonly string[] = []): Reply {
  const [status, verdict] = failure === undefined ? [200, 'ok'] : [503, failure];
  return { status, body: [verdict, ...limitations].map((line) => `${line}\n`).join('') };
}
