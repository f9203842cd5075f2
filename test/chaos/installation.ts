/** The installation under test: the stack, relays in front of it, two workers and the journals. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from '@temporalio/client';
import { prepareManagementCluster } from '../../local/stack/management-cluster/management-cluster.ts';
import { startStack } from '../../local/stack/stack.ts';
import { startWorker } from '../../local/stack/worker-process.ts';
import { KubernetesClient } from '../../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../../src/kubernetes/api/kube-config.ts';
import { connect } from '../../src/temporal/connect.ts';
import { useAccountBehindProxy } from '../support/acme/account-behind-proxy.ts';
import type { ChaosContext } from './context.ts';
import { OrderJournal } from './evidence/order-journal.ts';
import { SecretJournal } from './evidence/secret-journal.ts';
import { KillTriggers } from './kills/kill-triggers.ts';
import { RestartingWorker } from './kills/restarting-worker.ts';
import { WorkerPool } from './kills/worker-pool.ts';
import { Outages } from './outages.ts';
import { startRelays } from './relays/relays.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface Installation extends ChaosContext {
  readonly workers: WorkerPool;
  readonly killTriggers: KillTriggers;
  readonly outages: Outages;
  readonly orders: OrderJournal;
  readonly secrets: SecretJournal;
  /** ACME profile of the workers that start from now on. */
  useProfile(name: ProfileName): void;
  /** Stops every process. */
  stop(): Promise<void>;
}

/** Lifetimes in seconds: renewed within a run, and not renewed within a run. */
const PROFILES = { 'four-minutes': 240, default: 90 * 86_400 } as const;
export type ProfileName = keyof typeof PROFILES;

const ZONE = 'chaos.example.com';
const WORKERS = ['worker-1', 'worker-2'];
const MAX_DOWNTIME_MS = 1_500;
const BUNDLER = fileURLToPath(new URL('../../src/worker/bundle-workflows.ts', import.meta.url));

export async function startInstallation(options: {
  readonly stateDir: string;
  readonly random: SeededRandom;
  readonly signal: AbortSignal;
}): Promise<Installation> {
  const { stateDir, random, signal } = options;
  const cleanUps: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  };
  try {
    const stack = await startStack({
      stateDir,
      signal,
      temporal: { dbFilename: 'temporal.db' },
      pebble: { profiles: PROFILES },
    });
    cleanUps.push(() => stack.stop());
    // No garbage collector, so that certman must delete everything itself.
    await stack.part('kube-controller-manager').stop();
    const { zoneId } = await stack.createZone(ZONE);
    const managementCluster = await prepareManagementCluster(stack);
    const kubernetes = new KubernetesClient(loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }));
    cleanUps.push(() => kubernetes.close());
    const connection = await connect({ address: stack.temporal.address });
    cleanUps.push(() => connection.close());
    const secrets = new SecretJournal(kubernetes);
    cleanUps.push(() => secrets.stop());

    const killTriggers = new KillTriggers();
    const outages = new Outages(random);
    const orders = new OrderJournal();
    let profile: ProfileName = 'default';
    const bundle = join(stateDir, 'workflow-bundle.js');
    await promisify(execFile)(process.execPath, [BUNDLER, bundle]);
    const workers = new WorkerPool(
      WORKERS.map(
        (name) =>
          new RestartingWorker({
            name,
            downtimeMs: () => random.integer(0, MAX_DOWNTIME_MS),
            start: (more) =>
              startWorker({
                ...more,
                stack,
                managementCluster,
                name,
                signal,
                environment: {
                  ...relays.environment,
                  CERTMAN_WORKFLOW_BUNDLE: bundle,
                  CERTMAN_ACME_PROFILE: profile,
                  CERTMAN_KEY_TYPE: 'p-256',
                  CERTMAN_IDENTITY: name,
                },
              }),
          }),
      ),
    );
    killTriggers.attach(workers);
    const relays = await startRelays({
      stack,
      managementCluster,
      interceptor: {
        beforeRequest: async (request) => {
          const action = await killTriggers.beforeRequest(request);
          return action === 'pass' ? outages.decide(request) : action;
        },
        afterResponse: (request, response) => killTriggers.afterResponse(request, response),
      },
      ownerOf: workers.ownerOf,
      onExchange: orders.listen,
    });
    cleanUps.push(() => relays.close());
    await useAccountBehindProxy({ url: relays.caUrl }, stack, managementCluster);
    cleanUps.push(() => workers.stop());
    return {
      stack,
      kubernetes,
      client: new Client({ connection, namespace: stack.temporal.namespace }),
      zone: { name: ZONE, zoneId },
      workers,
      killTriggers,
      outages,
      orders,
      secrets,
      useProfile: (name) => {
        profile = name;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
