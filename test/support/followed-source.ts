/** The API server as the watch follows it, with what has come of each event, for tests that wait for that. */
import type { KubernetesObject } from '../../src/kubernetes/kubernetes-api.ts';
import type { ObjectSource } from '../../src/kubernetes/list-and-watch.ts';

/** By the plural in the path: all that the watch follows. */
const FOLLOWED = ['clusterdeployments', 'certificaterequests', 'secrets', 'configmaps', 'dnszones'] as const;

export class FollowedSource implements ObjectSource {
  readonly #source: ObjectSource;
  readonly #streams = new Set<string>();
  readonly #handled = new Set<string>();

  constructor(source: ObjectSource) {
    this.#source = source;
  }

  /** Kinds that are not followed yet: an object that is made before may be in the first list of its kind. */
  missing(): readonly string[] {
    return FOLLOWED.filter((plural) => !this.#streams.has(plural));
  }

  /** Whether the watch has been given this version of an object, and has come back for the next event. */
  hasHandled({ metadata }: Pick<KubernetesObject, 'metadata'>): boolean {
    return this.#handled.has(`${metadata.uid}@${metadata.resourceVersion}`);
  }

  getJson: ObjectSource['getJson'] = (path, options) => this.#source.getJson(path, options);

  openStream: ObjectSource['openStream'] = (path, signal, options) => {
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
