import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors, InjectedSinks } from '@temporalio/worker';
import type { WorkflowInfo } from '@temporalio/workflow';
import type { Registry } from 'prom-client';
import type { TracingSettings } from '../../configuration/tracing-settings.ts';
import type { IssuanceSinks } from '../../contract/issuance-sinks.ts';
import type { Logger } from '../logging.ts';

/** The traces of a process. */
export interface Tracing {
  /** For `WorkerOptions.interceptors.activity`, before all others. */
  readonly interceptActivity: (context: Context) => ActivityInterceptors;
  /** The end of an issuance, as its workflow reports it. */
  readonly issuanceEnded: (info: WorkflowInfo, outcome: string) => void;
  /** Exports what is left. Takes no longer than one export; never throws. */
  close(): Promise<void>;
}

/** What tracing needs of its process. */
export interface TracingContext {
  readonly registry: Registry;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** Starts it, and loads OpenTelemetry, only where the settings want traces. */
export async function startTracing(
  settings: TracingSettings | undefined,
  context: TracingContext,
): Promise<Tracing | undefined> {
  if (settings === undefined) return undefined;
  const { openTracing } = await import('./open-tracing.ts');
  return openTracing(settings, context);
}

/** For `WorkerOptions.sinks`. Without tracing, what workflows report is dropped. */
export function issuanceSinks(tracing: Pick<Tracing, 'issuanceEnded'> | undefined): InjectedSinks<IssuanceSinks> {
  return { issuance: { ended: { fn: tracing?.issuanceEnded ?? (() => undefined), callDuringReplay: false } } };
}
