import { type IdGenerator, RandomIdGenerator } from '@opentelemetry/sdk-trace';

/** Random ids, but for spans whose ids are given. */
export class SpanIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #given: { readonly traceId: string; readonly spanId: string } | undefined;

  /** Gives these ids to the span that `start` starts. */
  use<Result>(ids: { readonly traceId: string; readonly spanId: string }, start: () => Result): Result {
    this.#given = ids;
    try {
      return start();
    } finally {
      this.#given = undefined;
    }
  }

  generateTraceId(): string {
    return this.#given?.traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.#given?.spanId ?? this.#random.generateSpanId();
  }
}
