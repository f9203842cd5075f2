/** deploy/examples/temporal-values.yaml: what certman needs of a Temporal that is installed with its own Helm chart. */
import { expect, test } from 'vitest';
import { readManifests } from '../../../local/stack/management-cluster/manifests.ts';
import { temporalServerDynamicConfiguration } from '../../../local/stack/parts/flags.ts';
import { MIN_RETENTION_DAYS } from '../../../src/temporal/namespace.ts';
import { workerSettings } from '../../support/kubernetes/overlay.ts';

interface Values {
  readonly server: {
    readonly config: {
      readonly namespaces: {
        readonly namespace: readonly { readonly name: string; readonly retention: string }[];
      };
    };
    readonly dynamicConfig: object;
    readonly tls: { readonly frontend: { readonly requireClientAuth: boolean } };
  };
}

const [values] = (await readManifests('examples/temporal-values.yaml')) as unknown as readonly [Values];

test('its namespace is the one of the workers, with a retention that is long enough', async () => {
  const [namespace, ...others] = values.server.config.namespaces.namespace;
  expect(others).toEqual([]);
  expect(namespace?.name).toBe(workerSettings(await readManifests('base/worker-settings.yaml'))['TEMPORAL_NAMESPACE']);
  expect(namespace?.retention).toMatch(/^\d+d$/);
  expect(Number.parseInt(namespace?.retention ?? '', 10)).toBeGreaterThanOrEqual(MIN_RETENTION_DAYS);
});

test('its dynamic configuration is that of the server that the tests run on', () => {
  expect(values.server.dynamicConfig).toEqual(temporalServerDynamicConfiguration());
});

test('only clients with a certificate reach it', () => {
  expect(values.server.tls.frontend.requireClientAuth).toBe(true);
});
