/** Every sender of messages to a cluster's workflow, all at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import {
  clusterObserved,
  dependencyChanged,
  renew,
  renewalWindowChanged,
} from '../../../src/contract/cluster-certificates.ts';
import type { clusterCertificates } from '../../../workflows/cluster-certificates.ts';
import { bundleView } from './cluster-views.ts';

const DAY_MS = 86_400_000;
const NAMES = ['api.c1.example.com', 'api.c2.example.com'] as const;
const OBSERVATIONS_PER_STORM = 6;
/** The names change with every third observation: within a storm, and from one to the next. */
const OBSERVATIONS_PER_NAME = 3;
/** Over less than a tenth of a second: while a run ends, between the runs, and as the next one begins. */
const PAUSE_MS = 15;

export class MessageStorm {
  /** The view that was sent last. */
  view: ClusterView;
  nameChanges = 0;
  /** What came of each renewal that was asked for. */
  readonly renewals: PromiseSettledResult<unknown>[] = [];
  readonly #handle: WorkflowHandle<typeof clusterCertificates>;
  #observations = 0;
  #watching: Promise<void> = Promise.resolve();

  constructor(handle: WorkflowHandle<typeof clusterCertificates>, view: ClusterView) {
    this.#handle = handle;
    this.view = view;
  }

  /** @param certificate the one in place. @returns once everything is answered. */
  async send({ certId = '' }: CertificateFacts): Promise<void> {
    // No reason to renew it: the window lies beyond its life.
    const window = { certId, start: instantIn(DAY_MS), end: instantIn(2 * DAY_MS) };
    // Storms may overlap. The controller signals in order, so that its last signal is known.
    this.#watching = this.#watching.then(() => this.#watch());
    await Promise.all([
      this.#watching,
      this.#repeat(() => this.#handle.signal(dependencyChanged, { what: 'A Secret was written.' })),
      this.#repeat(() => this.#handle.signal(renewalWindowChanged, { bundleName: 'primary', window })),
      this.#operator(0),
      this.#operator(2 * PAUSE_MS),
    ]);
  }

  async #watch(): Promise<void> {
    for (let count = 0; count < OBSERVATIONS_PER_STORM; count += 1) {
      this.#observations += 1;
      const name = NAMES[Math.floor(this.#observations / OBSERVATIONS_PER_NAME) % NAMES.length] ?? NAMES[0];
      if (this.#observations % OBSERVATIONS_PER_NAME === 0) this.nameChanges += 1;
      this.view = {
        ...this.view,
        apiURL: `https://observation-${this.#observations}.example.com`,
        bundles: [bundleView('primary', name)],
      };
      await this.#handle.signal(clusterObserved, this.view);
      await sleep(PAUSE_MS);
    }
  }

  async #repeat(send: () => Promise<void>): Promise<void> {
    for (let count = 0; count < OBSERVATIONS_PER_STORM; count += 1) {
      await send();
      await sleep(PAUSE_MS);
    }
  }

  async #operator(afterMs: number): Promise<void> {
    await sleep(afterMs);
    const [answer] = await Promise.allSettled([this.#handle.executeUpdate(renew, { args: [{}] })]);
    this.renewals.push(answer);
  }
}

function instantIn(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}
