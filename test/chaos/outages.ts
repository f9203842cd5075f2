/** Outages of a part of an outside system, one after the other, beside the kills. */
import { setTimeout as sleep } from 'node:timers/promises';
import { GRPC } from '../support/faults/temporal-frontend.ts';
import type { Progress } from './progress.ts';
import type { ExternalRequest, InterceptAction, Refusal } from './relays/exchange.ts';
import type { SeededRandom } from './seeded-random.ts';

/** A kind of request that is refused for a while. */
export interface Outage {
  readonly name: string;
  readonly refusal: Refusal;
  readonly affects: (request: ExternalRequest) => boolean;
}

/** What a load balancer and an API server say of an object that exists, neither of which names it. */
const LOAD_BALANCER_PAGE = { contentType: 'text/html', body: '<html><h1>404 Not Found</h1></html>' };
const NAMELESS_STATUS = {
  contentType: 'application/json',
  body: JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 }),
};

export const OUTAGES: readonly Outage[] = [
  {
    name: 'the API server answers 503 for CertificateRequests',
    refusal: { refuse: 503 },
    affects: isAbout('certificaterequests'),
  },
  {
    name: 'the API server answers 503 for ClusterDeployments',
    refusal: { refuse: 503 },
    affects: isAbout('clusterdeployments'),
  },
  { name: 'the API server answers 503 for Secrets', refusal: { refuse: 503 }, affects: isAbout('secrets') },
  {
    name: 'reads of ClusterDeployments get a 404 of a load balancer',
    refusal: { refuse: 404, ...LOAD_BALANCER_PAGE },
    affects: isReadOfCluster,
  },
  {
    name: 'reads of ClusterDeployments get a 404 that names nothing',
    refusal: { refuse: 404, ...NAMELESS_STATUS },
    affects: isReadOfCluster,
  },
  ...Object.entries(GRPC).map(([status, refuse]) => ({
    name: `Temporal refuses signals with ${status}`,
    refusal: { refuse },
    affects: isSignal,
  })),
];

/** An outage lasts this long, and until it has refused something. */
const OUTAGE_MS = { least: 6_000, most: 12_000 } as const;
const MAX_OUTAGE_MS = 40_000;
const PAUSE_MS = { least: 4_000, most: 10_000 } as const;
const POLL_INTERVAL_MS = 250;

/** Holds the outages in turn while it runs. */
export class Outages {
  readonly #random: SeededRandom;
  readonly #waiting: Outage[];
  readonly #refused = new Map<string, number>();
  #current: Outage | undefined;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#waiting = [...random.shuffled(OUTAGES)];
  }

  /** Number of requests refused. */
  get refused(): number {
    return [...this.#refused.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Names of the outages that have refused nothing. */
  get missed(): readonly string[] {
    return OUTAGES.map(({ name }) => name).filter((name) => !this.#refused.has(name));
  }

  decide(request: ExternalRequest): InterceptAction {
    const outage = this.#current;
    if (outage?.affects(request) !== true) return 'pass';
    this.#refused.set(outage.name, (this.#refused.get(outage.name) ?? 0) + 1);
    return outage.refusal;
  }

  /** Runs until the signal; the next run continues with the outages that refused nothing, then with all again. */
  async run(progress: Progress, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await sleep(this.#random.integer(PAUSE_MS.least, PAUSE_MS.most), undefined, { signal });
        const outage = this.#waiting.shift();
        if (outage === undefined) {
          this.#waiting.push(...this.#random.shuffled(OUTAGES));
          continue;
        }
        progress.print(`outage: ${outage.name}`);
        this.#current = outage;
        const before = this.#refused.get(outage.name) ?? 0;
        const hasRefused = (): boolean => (this.#refused.get(outage.name) ?? 0) > before;
        const start = performance.now();
        await sleep(this.#random.integer(OUTAGE_MS.least, OUTAGE_MS.most), undefined, { signal });
        while (!hasRefused() && performance.now() - start < MAX_OUTAGE_MS) {
          await sleep(POLL_INTERVAL_MS, undefined, { signal });
        }
        this.#current = undefined;
        progress.print(`outage over: ${(this.#refused.get(outage.name) ?? 0) - before} requests refused`);
        if (!hasRefused()) this.#waiting.push(outage);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      if (this.#current !== undefined && !this.#refused.has(this.#current.name)) this.#waiting.unshift(this.#current);
    } finally {
      this.#current = undefined;
    }
  }
}

function isAbout(plural: string): Outage['affects'] {
  const pattern = new RegExp(`/${plural}([/?]|$)`);
  return ({ system, path }) => system === 'kubernetes' && pattern.test(path);
}

function isReadOfCluster({ system, method, path }: ExternalRequest): boolean {
  return system === 'kubernetes' && method === 'GET' && /\/clusterdeployments\/[^/?]+(\?|$)/.test(path);
}

function isSignal({ system, path }: ExternalRequest): boolean {
  return system === 'temporal' && /\/Signal(WithStart)?WorkflowExecution$/.test(path);
}
