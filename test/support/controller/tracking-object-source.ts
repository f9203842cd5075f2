/** A connection that records which kinds are watched and which events were passed on. */
import type { KubernetesObject, WatchConnection } from '../../../src/kubernetes/api/kubernetes-api.ts';

/** Plurals of all watched kinds. */
const WATCHED_PLURALS = ['clusterdeployments', 'certificaterequests', 'secrets', 'configmaps', 'dnszones'] as const;

export class TrackingObjectSource implements WatchConnection {
  readonly #source: WatchConnection;
  readonly #streams = new Set<string>();
  readonly #handled = new Set<string>();

  constructor(source: WatchConnection) {
    this.#source = source;
  }

  /** Kinds that are not watched yet: an object that is created before may be in the first list. */
  unwatchedPlurals(): readonly string[] {
    return WATCHED_PLURALS.filter((plural) => !this.#streams.has(plural));
  }

  /** Whether the informer has received this version of an object and asked for the next event. */
  hasHandled({ metadata }: Pick<KubernetesObject, 'metadata'>): boolean {
    return this.#handled.has(`${metadata.uid}@${metadata.resourceVersion}`);
  }

  getJson: WatchConnection['getJson'] = (path, options) => this.#source.getJson(path, options);

  openStream: WatchConnection['openStream'] = (path, signal, options) => {
    const { pathname } = new URL(path, 'http://api');
    this.#streams.add(pathname.slice(pathname.lastIndexOf('/') + 1));
    return this.#read(this.#source.openStream(path, signal, options));
  };

  async *#read(lines: AsyncIterable<string>): AsyncGenerator<string> {
    for await (const line of lines) {
      yield line;
      const { object } = JSON.parse(line) as { readonly object?: Pick<KubernetesObject, 'metadata'> };
      this.#handled.add(`${object?.metadata?.uid}@${object?.metadata?.resourceVersion}`);
    }
  }
}
