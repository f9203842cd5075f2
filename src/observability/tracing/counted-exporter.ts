import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { Counter } from 'prom-client';
import { errorCodeOf } from '../../failures/error-code.ts';
import { oneLine } from '../../failures/printable.ts';
import type { TracingContext } from './tracing.ts';

/** Between two lines of the log about an exporter that fails. */
const LOG_INTERVAL_MS = 10 * 60_000;

/** `ExportResultCode` of @opentelemetry/core. */
const SUCCESS = 0;

type Export = SpanExporter['export'];

/** Counts what an exporter exports, what it loses and what never reached it, and logs seldom that it fails. */
export class CountedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #run: (task: () => void) => void;
  readonly #logger: TracingContext['logger'];
  readonly #spans: Counter<'outcome'>;
  #quietUntil = 0;
  #isReported = false;

  /** @param run runs an export outside of any span: the request of an export has none. */
  constructor(exporter: SpanExporter, run: (task: () => void) => void, { registry, logger }: TracingContext) {
    this.#exporter = exporter;
    this.#run = run;
    this.#logger = logger;
    this.#spans = new Counter({
      name: 'certman_trace_spans_total',
      help: 'Spans of this process, by outcome: exported, lost because an export failed, or dropped because too many waited for one.',
      labelNames: ['outcome'],
      registers: [registry],
    });
    for (const outcome of ['exported', 'lost', 'dropped']) this.#spans.inc({ outcome }, 0);
  }

  export(spans: Parameters<Export>[0], onResult: Parameters<Export>[1]): void {
    this.#run(() =>
      this.#exporter.export(spans, (result) => {
        if (Number(result.code) === SUCCESS) this.#onExported(spans);
        else this.#onLost(spans, result.error);
        onResult(result);
      }),
    );
  }

  /** Counts spans for which the queue had no room. */
  countDropped(spans: number): void {
    this.#spans.inc({ outcome: 'dropped' }, spans);
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }

  async shutdown(): Promise<void> {
    await this.#exporter.shutdown();
  }

  #onExported(spans: readonly ReadableSpan[]): void {
    this.#spans.inc({ outcome: 'exported' }, spans.length);
    if (this.#isReported) this.#logger.info('the collector of traces takes spans again');
    this.#isReported = false;
  }

  #onLost(spans: readonly ReadableSpan[], error: Error | undefined): void {
    this.#spans.inc({ outcome: 'lost' }, spans.length);
    if (Date.now() < this.#quietUntil) return;
    this.#quietUntil = Date.now() + LOG_INTERVAL_MS;
    this.#isReported = true;
    const problem = `${errorCodeOf(error) ?? ''} ${error?.message ?? ''}`.trim();
    this.#logger.warn(
      { spans: spans.length, problem: oneLine(problem, 200) },
      'spans could not be exported to OTEL_EXPORTER_OTLP_ENDPOINT, and are lost; certificates do not depend on them (docs/tracing.md)',
    );
  }
}
