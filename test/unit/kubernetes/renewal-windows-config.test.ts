import { expect, test } from 'vitest';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { RenewalWindowsConfig } from '../../../src/kubernetes/objects/renewal-windows-config.ts';

const unavailable = (): Promise<never> =>
  Promise.reject(new CertmanError({ code: 'kubernetes/unreachable', message: 'It does not answer.' }));

function answering(get: () => Promise<KubernetesObject | undefined>): Pick<KubernetesApi, 'get'> {
  return { get };
}

test('a ConfigMap that cannot be read leaves the last rules, and is a failure where none were read', async () => {
  const config = new RenewalWindowsConfig('ns');
  await expect(config.read(answering(unavailable))).rejects.toMatchObject({ code: 'kubernetes/unreachable' });
  const data = { renewal_windows: 'windows: [{ name: nights, schedule: "0 22 * * *", duration: 6h }]' };
  await config.read(answering(() => Promise.resolve({ metadata: { name: 'certman-operator' }, data })));
  expect((await config.read(answering(unavailable))).rules?.windows).toHaveLength(1);
});
