/** A worker process of its own that watches a hub, to be killed by tests. Settings by environment; says `ready` when it polls. */
import { NativeConnection, Worker } from '@temporalio/worker';
import { createWatchActivities } from '../../activities/watch.ts';
import { CaSource } from '../../src/acme/ca-source.ts';
import { createKubernetesApi } from '../../src/kubernetes/client.ts';
import { loadKubeConfig } from '../../src/kubernetes/kube-config.ts';
import { createOperatorSettings } from '../../src/kubernetes/operator-settings.ts';

const setting = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};
const silent = (): void => undefined;

const operatorNamespace = setting('WATCH_OPERATOR_NAMESPACE');
const kubernetes = createKubernetesApi({ kubeConfig: loadKubeConfig({ path: setting('WATCH_KUBECONFIG') }) });
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address: setting('WATCH_TEMPORAL') }),
  taskQueue: setting('WATCH_TASK_QUEUE'),
  workflowBundle: { codePath: setting('WATCH_BUNDLE') },
  maxHeartbeatThrottleInterval: '1 second',
  activities: createWatchActivities({
    kubernetes,
    environment: () => Promise.resolve(undefined),
    source: kubernetes,
    ca: new CaSource({ accounts: createOperatorSettings({ kubernetes, operatorNamespace }), version: 'test' }),
    settings: {
      hive: setting('WATCH_HIVE'),
      extraRecord: 'rh-api',
      operatorNamespace,
      comparisonIntervalMs: 600_000,
      worker: setting('WATCH_WORKER'),
    },
    metrics: {
      expose: () => silent,
      renewalWindowMoved: silent,
      revocationListFetched: silent,
      revokedCertificateFound: silent,
    },
    logger: { debug: silent, info: silent, warn: silent, error: silent },
  }),
});
const running = worker.run();
process.stdout.write('ready\n');
await running;
