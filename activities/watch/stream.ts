/** One kind of object, followed for as long as the watch lasts: each event is given to its handler, and its position kept. */
import { CertmanError } from '../../src/failures/failure.ts';
import type { KubernetesObject, ResourceType } from '../../src/kubernetes/kubernetes-api.ts';
import { type ListAndWatchOptions, listAndWatch, type ObjectSource } from '../../src/kubernetes/list-and-watch.ts';
import type { WatchLogger } from './dependencies.ts';
import type { HandledPosition } from './handled-position.ts';
import type { WorkByKey } from './work-by-key.ts';

/** What is done about the objects of a kind. Each answers whether it was dealt with. */
export interface ObjectHandler {
  /** In a list of what was dealt with before. */
  known(object: KubernetesObject): void;
  applied(object: KubernetesObject, from: 'list' | 'watch'): Promise<boolean>;
  deleted(object: KubernetesObject): Promise<boolean>;
  /** A list is complete: what is remembered and not among `keys` (`namespace/name`) has vanished. */
  complete?(keys: ReadonlySet<string>): Promise<boolean>;
}

export interface StreamOptions {
  readonly source: ObjectSource;
  readonly resource: ResourceType;
  readonly listing: Omit<ListAndWatchOptions, 'signal' | 'onTrouble' | 'onRecovery'>;
  readonly handler: ObjectHandler;
  readonly position: HandledPosition;
  readonly work: WorkByKey;
  readonly logger: WatchLogger;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
  /** The first list has been dealt with, or there is nothing to list. */
  readonly onReady: () => void;
}

const REMIND_MS = 60_000;

/** Ends only with the signal, whose reason it throws. */
export async function followObjects(options: StreamOptions): Promise<never> {
  const { handler, position, work, signal } = options;
  let keys = new Set<string>();
  let open = new OpenList();
  let absent = false;
  const events = listAndWatch(options.source, options.resource, {
    ...options.listing,
    signal,
    ...troubleLog(options.logger, options.resource.plural),
  });
  const settle = (dealtWith: Promise<boolean>, done: () => void): void => {
    void whenDealtWith(dealtWith, done, options.onError);
  };
  for await (const event of events) {
    switch (event.kind) {
      case 'listing':
        absent = false;
        keys = new Set();
        open = new OpenList();
        if (!event.known) position.forget();
        break;
      case 'page':
        for (const object of event.objects) {
          keys.add(`${object.metadata.namespace ?? ''}/${object.metadata.name}`);
          if (event.known) handler.known(object);
          else {
            settle(handler.applied(object, 'list'), open.begin());
            await work.space();
          }
        }
        break;
      case 'listed': {
        if (!event.known && handler.complete !== undefined) settle(handler.complete(keys), open.begin());
        const done = position.begin(event.resourceVersion);
        open.complete(() => {
          done();
          options.onReady();
        });
        keys = new Set();
        break;
      }
      case 'applied':
        settle(handler.applied(event.object, 'watch'), position.begin(event.resourceVersion));
        await work.space();
        break;
      case 'deleted':
        settle(handler.deleted(event.object), position.begin(event.resourceVersion));
        await work.space();
        break;
      case 'bookmark':
        position.begin(event.resourceVersion)();
        break;
      case 'absent':
        if (!absent) sayAbsent(options);
        absent = true;
        options.onReady();
        break;
    }
    // A watch that is resumed without a list is ready at once.
    if (options.listing.resumeBy === 'watch' && options.listing.resumeFrom !== undefined) options.onReady();
  }
  signal.throwIfAborted();
  throw new CertmanError({ code: 'internal/unexpected', message: `The watch of ${options.resource.plural} ended.` });
}

function sayAbsent({ logger, resource }: StreamOptions): void {
  const { plural, group } = resource;
  logger.info(
    { kind: plural },
    `The API server does not know ${plural}.${group}: the watch goes on without them, and looks again every minute`,
  );
}

async function whenDealtWith(
  dealtWith: Promise<boolean>,
  done: () => void,
  onError: (error: unknown) => void,
): Promise<void> {
  try {
    if (await dealtWith) done();
  } catch (error) {
    onError(error);
  }
}

/** Counts what of a list is still being dealt with. */
class OpenList {
  #open = 1;
  #onDone: (() => void) | undefined;

  begin(): () => void {
    this.#open += 1;
    return () => this.#end();
  }

  complete(onDone: () => void): void {
    this.#onDone = onDone;
    this.#end();
  }

  #end(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#onDone?.();
  }
}

/** Says a trouble when it begins, when it becomes another one, once a minute while it lasts, and when it is over. */
function troubleLog(logger: WatchLogger, kind: string): Pick<ListAndWatchOptions, 'onTrouble' | 'onRecovery'> {
  let since: number | undefined;
  let said: { readonly code: string; readonly at: number } | undefined;
  return {
    onTrouble: (trouble, waitMs) => {
      const now = performance.now();
      since ??= now;
      if (said?.code === trouble.code && now - said.at < REMIND_MS) return;
      // Losing the position happens to every watch now and then, and is mended by listing again.
      const level = trouble.code === 'kubernetes/gone' ? 'info' : 'warn';
      said = { code: trouble.code, at: now };
      logger[level](
        { kind, code: trouble.code, problem: trouble.message, next: trouble.info.next, retryInMs: Math.round(waitMs) },
        'The watch is interrupted',
      );
    },
    onRecovery: () => {
      if (since === undefined) return;
      logger.info({ kind, seconds: Math.round((performance.now() - since) / 1000) }, 'The watch goes on');
      since = undefined;
      said = undefined;
    },
  };
}
