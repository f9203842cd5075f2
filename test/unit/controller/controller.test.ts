import { expect, test } from 'vitest';
import { runController } from '../../../src/controller/controller.ts';
import { MissingFinalizers } from '../../../src/kubernetes/objects/missing-finalizers.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { MetricsExposition } from '../../../src/observability/metrics-exposition.ts';
import { syntheticFleet } from '../../support/controller/synthetic-fleet.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const silent = (): void => undefined;

test('a controller that has ended leaves no finalizer to be added to what it has shown', async () => {
  const view = clusterView({ resourceVersion: '7' });
  const missingFinalizers = new MissingFinalizers();
  const stop = new AbortController();
  const source = syntheticFleet(0);
  const dependencies = {
    source,
    kubernetes: { ...source, withSignal: () => source },
    client: () => ({}),
    caHost: () => Promise.resolve(undefined),
    ca: {},
    missingFinalizers,
    settings: { managementCluster: 'hive', operatorNamespace: 'certman-operator', resyncIntervalMs: 3_600_000 },
    metrics: createMetrics(new MetricsExposition().registry),
    exposeFleet: () => silent,
    logger: { info: silent, warn: silent, error: silent },
  };
  const running = runController(dependencies as never, {
    resumeFrom: {},
    taskQueue: 'hive',
    signal: stop.signal,
    onStart: silent,
  });
  missingFinalizers.observe(view);
  stop.abort(new Error('stopped'));
  await running.catch(silent);
  expect(missingFinalizers.take(view.identity, ['primary'])).toBeUndefined();
});
