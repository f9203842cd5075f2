import { expect, test } from 'vitest';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { RenewalWindowsConfig } from '../../../src/kubernetes/objects/renewal-windows-config.ts';

const unavailable = (): Promise<never> =>
  Promise.reject(new CertmanError({ code: 'kubernetes/unreachable', message: 'It does not answer.' }));

function answering(get: () => Promise<KubernetesObject | undefined>): Pick<KubernetesApi, 'get'> {
  return { get };
}

const withWindows = (renewal_windows: string): KubernetesObject => ({
  metadata: { name: 'certman-operator' },
  data: { renewal_windows },
});

test('rules that were read before apply neither while the ConfigMap cannot be read nor while it is not valid', async () => {
  const config = new RenewalWindowsConfig('ns');
  const valid = withWindows('windows: [{ name: nights, schedule: "0 22 * * *", duration: 6h }]');
  const read = (found: KubernetesObject) => config.read(answering(() => Promise.resolve(found)));
  expect((await read(valid)).rules?.windows).toHaveLength(1);
  await expect(config.read(answering(unavailable))).rejects.toMatchObject({ code: 'kubernetes/unreachable' });
  expect(await read(withWindows('windows: nights'))).toMatchObject({
    rules: undefined,
    problem: { code: 'configuration/invalid' },
  });
  expect((await read(valid)).rules?.windows).toHaveLength(1);
});
