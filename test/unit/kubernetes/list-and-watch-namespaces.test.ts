import { describe, expect, it } from 'vitest';
import type { WatchConnection } from '../../../src/kubernetes/api/kubernetes-api.ts';
import type { ListAndWatchEvent } from '../../../src/kubernetes/api/list-and-watch.ts';
import { listAndWatchNamespaces } from '../../../src/kubernetes/api/list-and-watch-namespaces.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';

const secret = (name: string, resourceVersion: string) => ({ metadata: { name, resourceVersion } });
const line = (type: string, object: object) => JSON.stringify({ type, object });

/** Each namespace has one object; what is watched is what `watches` has for it, and nothing more comes. */
function apiServer(watches: Readonly<Record<string, readonly string[]>>, lists: string[] = []): WatchConnection {
  const namespaceOf = (path: string) => /namespaces\/([^/]+)/.exec(path)?.[1] ?? 'all';
  return {
    getJson: (path) => {
      const namespace = namespaceOf(path);
      const at = new URL(path, 'http://api').searchParams.get('resourceVersion') ?? 'now';
      lists.push(`${namespace} ${at}`);
      return Promise.resolve({ metadata: { resourceVersion: '10' }, items: [secret(namespace, '1')] });
    },
    openStream: async function* (path, signal) {
      yield* watches[namespaceOf(path)] ?? [];
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    },
  };
}

async function take(
  connection: WatchConnection,
  count: number,
  options: { readonly resumeFrom?: string; readonly resumeMode?: 'list' | 'watch' } = {},
): Promise<readonly string[]> {
  const seen: string[] = [];
  const stop = new AbortController();
  const events = listAndWatchNamespaces(connection, SECRETS, ['a', 'b'], { ...options, signal: stop.signal });
  for await (const event of events) {
    seen.push(described(event));
    if (seen.length === count) break;
  }
  stop.abort();
  return seen;
}

function described(event: ListAndWatchEvent): string {
  if (event.kind === 'page') return `page ${event.objects.map(({ metadata }) => metadata.name).join()}`;
  if (event.kind === 'applied' || event.kind === 'deleted') return `${event.kind} ${event.object.metadata.name}`;
  return 'known' in event ? `${event.kind}${event.known ? ' known' : ''}` : event.kind;
}

const POSITIONS = '[["a","5"],["b","6"]]';

describe('several namespaces, watched as one', () => {
  it('are one list, after which their changes come', async () => {
    const connection = apiServer({ b: [line('ADDED', secret('new', '11'))] });
    expect(await take(connection, 5)).toEqual(['listing', 'page a', 'page b', 'listed', 'applied new']);
  });

  it('have one position, from which all of them resume', async () => {
    const lists: string[] = [];
    const connection = apiServer({ a: [line('BOOKMARK', { metadata: { resourceVersion: '12' } })] }, lists);
    expect(await take(connection, 1, { resumeFrom: POSITIONS, resumeMode: 'watch' })).toEqual(['bookmark']);
    expect(lists).toEqual([]);
    const resumed = await take(connection, 4, { resumeFrom: POSITIONS, resumeMode: 'list' });
    expect(resumed).toEqual(['listing known', 'page a', 'page b', 'listed known']);
    expect(lists).toEqual(['a 5', 'b 6']);
  });

  it.each(['7', '[["a","5"]]', '[["a","5"],["b","6"],["c","7"]]'])(
    'are listed where the position is %s',
    async (text) => {
      const lists: string[] = [];
      const seen = await take(apiServer({}, lists), 4, { resumeFrom: text, resumeMode: 'watch' });
      expect(seen).toEqual(['listing', 'page a', 'page b', 'listed']);
      expect(lists).toEqual(['a now', 'b now']);
    },
  );

  it('are all listed anew when the position of one is forgotten: what was deleted meanwhile is in no list', async () => {
    const gone = line('ERROR', { code: 410, reason: 'Expired', message: 'too old resource version' });
    const connection = apiServer({ b: [gone] });
    const seen = await take(connection, 4, { resumeFrom: POSITIONS, resumeMode: 'watch' });
    expect(seen).toEqual(['listing', 'page a', 'page b', 'listed']);
  });
});
