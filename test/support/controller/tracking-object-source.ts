/** The API server as the watch follows it, with what has come of each event, for tests that wait for that. */
import { type KubernetesObject, type WatchConnection } from '../../../src/kubernetes/api/kubernetes-api.ts';

/** By the plural in the path: all that the watch follows. */
const WATCHED_PLURALS = ['clusterdeployments', 'certificaterequests', 'secrets', 'configmaps', 'dnszones'] as const;

export class TrackingObjectSource implements WatchConnection {
  readonly #source: WatchConnection;
  readonly #streams = new Set<string>();
  readonly #handled = new Set<string>();

  constructor(source: WatchConnection) {
    this.#source = source;
  }

  /** Kinds that are not followed yet: an object that is made before may be in the first list of its kind. */
  unwatchedPlurals(): readonly string[] {
    return WATCHED_PLURALS.filter((plural) => !this.#streams.has(plural));
  }

  /** Whether the watch has been given this version of an object, and has come back for the next event. */
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
