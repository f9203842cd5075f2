import type { AcmeClient } from '../../acme/client.ts';
import { AcmeClientSource } from '../../acme/client-source.ts';
import { loadSettings } from '../../configuration/load-configuration.ts';
import type { SettingValues } from '../../configuration/settings.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import {
  ACCOUNT_SECRET,
  createAccountStore,
  createOperatorSettings,
  type OperatorSettings,
} from '../../kubernetes/objects/operator-settings.ts';
import { VERSION } from '../../version.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { withKubernetes } from '../kubernetes-client.ts';
import { wrongOption } from './options.ts';

/** Which account, on which management cluster. */
export interface AccountOptions extends KubeConnection {
  /** Name of its Secret; default: that of the first account. */
  readonly secret?: string;
}

/** The account of the Secret, and its CA. */
export interface ConnectedAccount {
  readonly kubernetes: KubernetesApi;
  readonly namespace: string;
  readonly secretName: string;
  readonly settings: Pick<OperatorSettings, 'notificationEmail'>;
  readonly ca: AcmeClient;
}

/**
 * Connects to the management cluster and, under the account of its Secret, to the CA, as a worker does.
 * @throws UsageError where the settings know no account in such a Secret; it lists those that they know.
 */
export async function withAccount<Result>(
  { secret: secretName = ACCOUNT_SECRET, kubeconfig, context }: AccountOptions,
  work: (account: ConnectedAccount) => Promise<Result>,
): Promise<Result> {
  const settings = loadSettings(process.env, [
    'namespace',
    'acmeDirectoryUrl',
    'acmeCaBundle',
    'privateNetworks',
    'fallbackAccounts',
    'stagingAccount',
  ]);
  const { namespace, acmeCaBundle, privateNetworks } = settings;
  const { directoryUrl } = accountIn(settings, secretName);
  return await withKubernetes(
    async (kubernetes) => {
      const ofOperator = { kubernetes, operatorNamespace: namespace };
      const source = new AcmeClientSource({
        accounts: createAccountStore(ofOperator, secretName),
        directoryUrl,
        userAgent: `certman/${VERSION}`,
        caBundlePem: acmeCaBundle,
        privateNetworks,
      });
      const connected = { kubernetes, namespace, secretName, settings: createOperatorSettings(ofOperator) };
      try {
        return await source.withClient((ca) => work({ ...connected, ca }));
      } finally {
        await source.close();
      }
    },
    { kubeconfig, context },
  );
}

function accountIn(
  {
    acmeDirectoryUrl,
    fallbackAccounts = [],
    stagingAccount,
  }: Pick<SettingValues, 'acmeDirectoryUrl' | 'fallbackAccounts' | 'stagingAccount'>,
  secretName: string,
): { readonly directoryUrl: string | undefined } {
  const accounts = [
    { secretName: ACCOUNT_SECRET, directoryUrl: acmeDirectoryUrl },
    ...fallbackAccounts,
    ...(stagingAccount === undefined ? [] : [stagingAccount]),
  ];
  const found = accounts.find((account) => account.secretName === secretName);
  if (found !== undefined) return found;
  const known = accounts.map((account) => account.secretName).join(', ');
  throw wrongOption(
    '--secret',
    secretName,
    `the Secret of an account of the settings: ${known} (others by CERTMAN_FALLBACK_ACCOUNTS and CERTMAN_STAGING_ACCOUNT)`,
  );
}
