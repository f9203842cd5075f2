/** Follows a kind of object with {@link listAndWatch} and keeps what it saw, for tests that wait for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ResourceType } from '../../src/kubernetes/kubernetes-api.ts';
import {
  type ListAndWatchOptions,
  listAndWatch,
  type ObjectEvent,
  type ObjectSource,
} from '../../src/kubernetes/list-and-watch.ts';
import { PATIENCE_MS, PATIENCE_SECONDS } from './patience.ts';

export interface Observer {
  readonly events: readonly ObjectEvent[];
  /** Names of the objects that exist as far as it knows. */
  readonly names: ReadonlySet<string>;
  /** `kind name` of every change since the list. */
  readonly changes: readonly string[];
  readonly troubles: readonly string[];
  /** Position of the last event that has one. */
  position(): string;
  until(what: string, condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

export function observe(
  source: ObjectSource,
  resource: ResourceType,
  options: Omit<ListAndWatchOptions, 'signal'> = {},
): Observer {
  const stop = new AbortController();
  const events: ObjectEvent[] = [];
  const names = new Set<string>();
  const changes: string[] = [];
  const troubles: string[] = [];
  let failure: unknown;
  const follow = async (): Promise<void> => {
    const stream = listAndWatch(source, resource, {
      ...options,
      signal: stop.signal,
      onTrouble: (trouble) => troubles.push(trouble.code),
    });
    for await (const event of stream) {
      events.push(event.kind === 'page' ? { ...event, objects: event.objects.slice(0, 1) } : event);
      if (event.kind === 'listing') names.clear();
      if (event.kind === 'page') for (const object of event.objects) names.add(object.metadata.name);
      if (event.kind === 'applied' || event.kind === 'deleted') {
        changes.push(`${event.kind} ${event.object.metadata.name}`);
        if (event.kind === 'applied') names.add(event.object.metadata.name);
        else names.delete(event.object.metadata.name);
      }
    }
  };
  const following = follow().catch((error: unknown) => {
    failure = error;
  });
  return {
    events,
    names,
    changes,
    troubles,
    position: () => {
      const last = events.findLast((event) => 'resourceVersion' in event);
      if (last === undefined || !('resourceVersion' in last)) throw new Error('it has no position yet');
      return last.resourceVersion;
    },
    until: async (what, condition) => {
      const end = performance.now() + PATIENCE_MS;
      while (!condition()) {
        if (failure !== undefined) throw failure;
        if (performance.now() > end) {
          const seen = `${changes.slice(-5).join(', ')}; troubles: ${troubles.slice(-5).join(', ')}`;
          throw new Error(`not within ${PATIENCE_SECONDS} s: ${what}. Last seen: ${seen}`);
        }
        await sleep(20);
      }
    },
    stop: async () => {
      stop.abort(new Error('the test is over'));
      await following;
    },
  };
}
