/** A worker process that runs the controller, to be killed by tests. Settings by environment; prints `ready` when it polls. */
import { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { Registry } from 'prom-client';
import { createWatchActivities } from '../../../activities/watch.ts';
import { AcmeClientSource } from '../../../src/acme/client-source.ts';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/api/kube-config.ts';
import { createOperatorSettings } from '../../../src/kubernetes/objects/operator-settings.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { ENDLESS_PROBES } from './endless-probes.ts';

const setting = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};
const silent = (): void => undefined;

const operatorNamespace = setting('WATCH_OPERATOR_NAMESPACE');
const kubernetes = new KubernetesClient(loadKubeConfig({ path: setting('WATCH_KUBECONFIG') }));
const connection = await NativeConnection.connect({ address: setting('WATCH_TEMPORAL') });
const client = new Client({ connection });
const worker = await Worker.create({
  connection,
  taskQueue: setting('WATCH_TASK_QUEUE'),
  workflowBundle: { codePath: setting('WATCH_BUNDLE') },
  maxHeartbeatThrottleInterval: '1 second',
  activities: createWatchActivities({
    kubernetes,
    client: () => client,
    caHost: () => Promise.resolve(undefined),
    source: kubernetes,
    ca: new AcmeClientSource({
      accounts: createOperatorSettings({ kubernetes, operatorNamespace }),
      userAgent: 'certman/test',
    }),
    servedCheck: ENDLESS_PROBES,
    settings: {
      managementCluster: setting('WATCH_MANAGEMENT_CLUSTER'),
      extraRecord: 'rh-api',
      operatorNamespace,
      resyncIntervalMs: 600_000,
      workerName: setting('WATCH_WORKER'),
    },
    metrics: createMetrics(new Registry()),
    exposeFleet: () => silent,
    logger: { info: silent, warn: silent, error: silent },
  }),
});
const running = worker.run();
process.stdout.write('ready\n');
await running;
