import { LRUCache } from 'lru-cache';
import { maxEntries } from '../cache/max-entries.ts';
import { normalizeName, type TxtRecord } from '../certificates/dns-name.ts';
import type { VerifyPropagationInput } from '../contract/activities/dns.ts';
import { CertmanError } from '../failures/failure.ts';
import { abortable } from '../network/abortable.ts';
import type { DnsSources } from './dns-sources.ts';
import { combine, evaluateQuorum, observe, type Quorum, summarize, type TxtObservation } from './observation.ts';
import { coalesceQueries, queryFollowingCnames, rememberAbsence, type TxtSource } from './txt-source.ts';

const COALESCE_MS = 100;

/** Between checks of the zone's servers, growing by a factor of 1.3. */
const MIN_AUTHORITATIVE_RETRY_MS = 500;
const MAX_AUTHORITATIVE_RETRY_MS = 5_000;

/** Bounds of the time for which a resolver's cache keeps an answer, and the default where it does not say. */
const MIN_RETRY_SECONDS = 1;
const MAX_RETRY_SECONDS = 60;
const DEFAULT_RETRY_SECONDS = 5;

const UNREACHABLE_RETRY_MS = 10_000;

/** A warning more often than once costs less than to remember each zone of a fleet. */
const MAX_WARNED = 1_000;

/** While no resolver answers, what the zone's own servers say is enough from this attempt on. */
const MIN_ATTEMPT_WITHOUT_RESOLVERS = 3;

/** How many resolvers must answer. */
export interface PropagationCheckOptions {
  /** How many resolvers must see every value; default `majority`. */
  readonly quorum?: Quorum;
  /**
   * Called once when no server of a zone says what it has: for each such zone, once those of another one have. Called once when
   * the resolvers cannot be reached from here.
   */
  readonly onWarning: (message: string) => void;
}

/** `missing`: no server has all values, and one says so; `seen`: none that answers misses any. */
export type OwnServers = 'seen' | 'missing' | 'unknown';

/** `dns/notVisible`, with what the zone's own servers say. */
export class NotVisibleError extends CertmanError {
  readonly ownServers: OwnServers;
  /** From now until the next look makes sense. */
  readonly delayMs: number;

  constructor(what: string, wanted: ReadonlyMap<string, readonly string[]>, delayMs: number, ownServers: OwnServers) {
    const [first, ...others] = wanted.keys();
    super({
      code: 'dns/notVisible',
      message: `The TXT records of ${first ?? 'nothing'}${others.length === 0 ? '' : ` and ${others.length} more`} are not visible yet: ${what}.`,
      remedy: 'It is checked again.',
      notBefore: new Date(Date.now() + delayMs),
    });
    this.ownServers = ownServers;
    this.delayMs = delayMs;
  }
}

/** The records of one order, the zone that has them, and the attempt, from 1: later checks come at longer intervals. */
export interface PropagationRequest extends Pick<VerifyPropagationInput, 'records' | 'zoneName' | 'nameServers'> {
  readonly attempt: number;
  /**
   * Resolvers must confirm, also while none answers. Threat: for a proof of ownership, the servers of a zone that the domain
   * is not delegated to show anything.
   */
  readonly mustBePublic?: boolean;
}

/** Checks the zone's servers, then public resolvers. A failure says what each answers, and when a retry makes sense. */
export class PropagationCheck {
  readonly #options: PropagationCheckOptions;
  readonly #sources: DnsSources;
  readonly #resolvers: readonly TxtSource[];
  readonly #servers = new LRUCache<string, TxtSource, TxtSource>({
    ...maxEntries(5_000),
    memoMethod: (_name, _stale, { context }) => coalesceQueries(context, COALESCE_MS),
  });
  readonly #warned = new LRUCache<string, true>(maxEntries(MAX_WARNED));
  /** Whether a server of a zone has said what it has: where none does, the network is why, and one zone stands for all. */
  #isServerReached = false;

  constructor(sources: DnsSources, options: PropagationCheckOptions) {
    this.#options = options;
    this.#sources = sources;
    this.#resolvers = sources.resolvers.map((resolver) => coalesceQueries(rememberAbsence(resolver), COALESCE_MS));
  }

  /** @returns those that see all. @throws NotVisibleError; CertmanError `dns/unreachable`: too few answer. */
  async verify(request: PropagationRequest, signal: AbortSignal): Promise<readonly string[]> {
    const wanted = valuesByName(request.records);
    const servers = this.#sources
      .serversOf(request.nameServers)
      .map((server) => this.#servers.memo(server.name, { context: server }));
    // They have the record where it was put; a resolver follows the aliases that lead there, as the CA does.
    const put = valuesByName(request.records.map(({ name, value, at }) => ({ name: at?.name ?? name, value })));
    const observeServer = servers.length === 1 ? observeOnlyServer : observeOneFirst;
    const own = (await observeAll(servers, put, signal, observeServer)).map(withoutCache);
    const confirmedBy = own.filter(({ kind }) => kind === 'seen').map(({ by }) => by);
    this.#isServerReached ||= own.some(({ kind }) => kind !== 'inconclusive');
    if (own.some(({ kind }) => kind === 'missing')) {
      const delayMs = Math.min(MIN_AUTHORITATIVE_RETRY_MS * 1.3 ** (request.attempt - 1), MAX_AUTHORITATIVE_RETRY_MS);
      const what = `the zone's own servers do not have all of it (${summarize(own)})`;
      throw new NotVisibleError(what, wanted, delayMs, confirmedBy.length > 0 ? 'unknown' : 'missing');
    }
    if (servers.length > 0 && confirmedBy.length === 0) {
      const [about, remedy] = this.#isServerReached
        ? [`servers of ${request.zoneName}`, 'Those of other zones do: check to which servers the zone is delegated.']
        : ['servers', 'CERTMAN_AUTHORITATIVE_SERVERS=off accepts that.'];
      this.#warnOnce(
        about,
        `No name server of ${request.zoneName} says whether it has the TXT records (${summarize(own)}), so DNS over HTTPS alone decides when they are visible. ${remedy}`,
      );
    }

    const observations = await observeAll(this.#resolvers, wanted, signal);
    const { quorum = 'majority' } = this.#options;
    const result = evaluateQuorum(observations, quorum);
    const seen = summarize([...observations, ...own]);
    switch (result.kind) {
      case 'visible':
        return [...confirmedBy, ...result.seenBy];
      case 'notVisible': {
        const seconds = Math.max(result.retrySeconds ?? DEFAULT_RETRY_SECONDS, MIN_RETRY_SECONDS);
        const delayMs = Math.min(seconds, MAX_RETRY_SECONDS) * 1_000;
        throw new NotVisibleError(seen, wanted, delayMs, confirmedBy.length > 0 ? 'seen' : 'unknown');
      }
      case 'undecided': {
        const isKnown = quorum === 'majority' && request.mustBePublic !== true && confirmedBy.length > 0;
        if (isKnown && request.attempt >= MIN_ATTEMPT_WITHOUT_RESOLVERS) {
          this.#warnOnce(
            'resolvers',
            `No DNS-over-HTTPS resolver can be reached from here (${summarize(observations)}), so the zones' own servers alone decide when TXT records are visible.`,
          );
          return confirmedBy;
        }
        throw new CertmanError({
          code: 'dns/unreachable',
          message: `Too few DNS-over-HTTPS resolvers answer whether the TXT records are visible: ${seen}.`,
          remedy: 'It is retried; CERTMAN_DOH_RESOLVERS sets resolvers that can be reached from here.',
          notBefore: new Date(Date.now() + UNREACHABLE_RETRY_MS),
        });
      }
    }
  }

  #warnOnce(about: string, message: string): void {
    if (this.#warned.get(about) === true) return;
    this.#warned.set(about, true);
    this.#options.onWarning(message);
  }
}

function valuesByName(records: readonly TxtRecord[]): ReadonlyMap<string, readonly string[]> {
  const names = Map.groupBy(records, ({ name }) => normalizeName(name));
  return new Map([...names].map(([name, of]) => [name, [...new Set(of.map(({ value }) => value))]]));
}

/** Of a zone's own server, which caches nothing. */
function withoutCache(observation: TxtObservation): TxtObservation {
  return observation.kind === 'missing' ? { ...observation, retrySeconds: undefined } : observation;
}

type Wanted = ReadonlyMap<string, readonly string[]>;

function observeAll(
  sources: readonly TxtSource[],
  wanted: Wanted,
  signal: AbortSignal,
  observeNames = observeTogether,
): Promise<readonly TxtObservation[]> {
  return abortable(Promise.all(sources.map((source) => observeNames(source, wanted))), signal);
}

async function observeTogether(source: TxtSource, wanted: Wanted): Promise<TxtObservation> {
  const ofNames = [...wanted].map(async ([name, values]) =>
    observe(source.name, name, values, await queryFollowingCnames(source, name)),
  );
  return combine(source.name, await Promise.all(ofNames));
}

/**
 * The zone's change is live as a whole: while one name is missing, no other has to be asked for. A server that does not answer
 * for one name is not seen to have all of them, whatever it would answer for others: it costs one time-out, not two. Those
 * beside it keep the resolvers from being asked too early.
 */
async function observeOneFirst(source: TxtSource, wanted: Wanted): Promise<TxtObservation> {
  const [first, ...others] = wanted;
  if (first === undefined || others.length === 0) return await observeTogether(source, wanted);
  const ofFirst = await observeTogether(source, new Map([first]));
  if (ofFirst.kind !== 'seen') return ofFirst;
  return await observeTogether(source, new Map(others));
}

/**
 * No other one says for it that values are missing, and where an answer was lost, the resolvers would be asked too early, and
 * cache their absence: it is asked for one more name.
 */
async function observeOnlyServer(source: TxtSource, wanted: Wanted): Promise<TxtObservation> {
  const observation = await observeOneFirst(source, wanted);
  if (observation.kind !== 'inconclusive') return observation;
  const [first, ...others] = wanted;
  return first === undefined ? observation : await observeOneFirst(source, new Map([...others, first]));
}
