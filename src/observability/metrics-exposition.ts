import { Registry } from 'prom-client';

/** Series that are computed at the scrape: parts of Prometheus' text format. */
export type MetricsSource = () => AsyncIterable<string>;

/** What a worker's `/metrics` serves: its registry, and sources of many series, which a registry formats in one piece. */
export class MetricsExposition {
  readonly registry = new Registry();
  readonly #sources = new Set<MetricsSource>();

  get contentType(): string {
    return this.registry.contentType;
  }

  /** @returns a function that removes the source. */
  add(source: MetricsSource): () => void {
    this.#sources.add(source);
    return () => void this.#sources.delete(source);
  }

  /** The text in parts, each computed when the one before has been taken. */
  async *parts(): AsyncGenerator<string> {
    yield await this.registry.metrics();
    // A copy: one that is added meanwhile, in place of one that is in the text already, would repeat its series.
    for (const source of Array.from(this.#sources)) yield* source();
  }

  /** The whole text. */
  async metrics(): Promise<string> {
    let text = '';
    for await (const part of this.parts()) text += part;
    return text;
  }
}
