import type { PlatformView } from '../../clusters/cluster-view.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { DnsTarget } from '../provider.ts';

/** Hosts of one of Azure's clouds. */
export interface AzureCloud {
  /** Microsoft Entra. */
  readonly authority: string;
  /** Azure Resource Manager. */
  readonly endpoint: string;
}

const PUBLIC_CLOUD = 'AzurePublicCloud';

/** By the names that Hive knows (`spec.platform.azure.cloudName`). The German one closed in 2021. */
const CLOUDS: Readonly<Record<string, AzureCloud>> = {
  [PUBLIC_CLOUD]: { authority: 'https://login.microsoftonline.com', endpoint: 'https://management.azure.com' },
  AzureUSGovernmentCloud: {
    authority: 'https://login.microsoftonline.us',
    endpoint: 'https://management.usgovcloudapi.net',
  },
  AzureChinaCloud: { authority: 'https://login.chinacloudapi.cn', endpoint: 'https://management.chinacloudapi.cn' },
};

/** @throws CertmanError `dns/platformUnsupported` for a cloud that certman does not know. */
export function cloudOf(platform: Extract<PlatformView, { readonly kind: 'azure' }>, target: DnsTarget): AzureCloud {
  const name = platform.cloudName ?? PUBLIC_CLOUD;
  const cloud = Object.hasOwn(CLOUDS, name) ? CLOUDS[name] : undefined;
  if (cloud !== undefined) return cloud;
  throw new CertmanError({
    code: 'dns/platformUnsupported',
    message: `Cluster ${target.namespace}/${target.clusterName} is in ${name}, which certman does not know.`,
    remedy: `spec.platform.azure.cloudName can be ${Object.keys(CLOUDS).join(', ')}.`,
    neverSent: true,
  });
}
