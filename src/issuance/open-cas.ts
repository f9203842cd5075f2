import { CaList } from '../acme/ca-list.ts';
import { AcmeClientSource, type AcmeClientSourceOptions } from '../acme/client-source.ts';
import type { FallbackAccount } from '../configuration/fallback-accounts.ts';
import type { SettingValues } from '../configuration/settings.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { createAccountStore, type OperatorSettings } from '../kubernetes/objects/operator-settings.ts';

/** Where the accounts are, and what is done about their CAs. */
export interface OpenCasOptions extends Pick<AcmeClientSourceOptions, 'userAgent' | 'onRequest' | 'onWarning'> {
  readonly kubernetes: KubernetesApi;
  /** Reads the first account. */
  readonly settings: Pick<OperatorSettings, 'account' | 'invalidate'>;
  /** Called when a sustained failure of a CA begins and ends. */
  readonly onHealth?: (ca: string, isUp: boolean) => void;
}

/** The settings that say which CAs there are. */
export const CA_SETTINGS = [
  'namespace',
  'acmeDirectoryUrl',
  'acmeCaBundle',
  'privateNetworks',
  'fallbackAccounts',
  'stagingAccount',
  'failoverAfterMs',
] as const satisfies readonly (keyof SettingValues)[];

/** The CAs of the settings, each with a client source of its own. Nothing is sent. */
export function openCas(
  { kubernetes, settings, onHealth, ...more }: OpenCasOptions,
  configuration: Pick<SettingValues, (typeof CA_SETTINGS)[number]>,
): CaList {
  const { namespace: operatorNamespace, acmeCaBundle: caBundlePem, privateNetworks, failoverAfterMs } = configuration;
  const open = (accounts: AcmeClientSourceOptions['accounts'], directoryUrl: string | undefined): AcmeClientSource => {
    const health = {
      failoverAfterMs,
      onChange: (isUp: boolean): void => onHealth?.(source.name, isUp),
    };
    const source = new AcmeClientSource({ ...more, accounts, directoryUrl, caBundlePem, privateNetworks, health });
    return source;
  };
  const openOther = ({ secretName, directoryUrl }: FallbackAccount): AcmeClientSource =>
    open(createAccountStore({ kubernetes, operatorNamespace }, secretName), directoryUrl);
  const { fallbackAccounts = [], stagingAccount } = configuration;
  return new CaList(
    open(settings, configuration.acmeDirectoryUrl),
    fallbackAccounts.map(openOther),
    stagingAccount && openOther(stagingAccount),
  );
}
