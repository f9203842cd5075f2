import type { AcmeClient } from '../../acme/client.ts';
import { AcmeClientSource } from '../../acme/client-source.ts';
import { loadSettings } from '../../configuration/load-configuration.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { createOperatorSettings, type OperatorSettings } from '../../kubernetes/objects/operator-settings.ts';
import { VERSION } from '../../version.ts';
import { withKubernetes } from '../kubernetes-client.ts';

/** The account of the Secret, and its CA. */
export interface ConnectedAccount {
  readonly kubernetes: KubernetesApi;
  readonly namespace: string;
  readonly settings: OperatorSettings;
  readonly ca: AcmeClient;
}

/** Connects to the management cluster and, under the account of its Secret, to the CA, as a worker does. */
export async function withAccount<Result>(work: (account: ConnectedAccount) => Promise<Result>): Promise<Result> {
  const { namespace, acmeDirectoryUrl, acmeCaBundle, privateNetworks } = loadSettings(process.env, [
    'namespace',
    'acmeDirectoryUrl',
    'acmeCaBundle',
    'privateNetworks',
  ]);
  return await withKubernetes(async (kubernetes) => {
    const settings = createOperatorSettings({ kubernetes, operatorNamespace: namespace });
    const source = new AcmeClientSource({
      accounts: settings,
      directoryUrl: acmeDirectoryUrl,
      userAgent: `certman/${VERSION}`,
      caBundlePem: acmeCaBundle,
      privateNetworks,
    });
    try {
      return await source.withClient((ca) => work({ kubernetes, namespace, settings, ca }));
    } finally {
      await source.close();
    }
  });
}
