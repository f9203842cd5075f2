/**
 * The names that the certificate of a bundle must carry, from what the ClusterDeployment says. Pure.
 */
import type { BundleNames } from '../clusters/cluster-view.ts';
import { isInZone, LONGEST_COMMON_NAME, problemWithName, quoted } from './dns-name.ts';

/** The CA's limit for one certificate. Source: https://letsencrypt.org/docs/rate-limits/ ("names per certificate"). */
export const MOST_NAMES = 100;

/** The fields of a ClusterDeployment's spec that give a bundle its names. */
export interface ServingNames {
  readonly clusterName: string;
  readonly baseDomain: string;
  /** `controlPlaneConfig.servingCertificates.default`: name of the bundle that serves the API. */
  readonly defaultBundle?: string;
  /** `controlPlaneConfig.servingCertificates.additional[]` */
  readonly additional: readonly { readonly bundle: string; readonly domain: string }[];
  /** `ingress[]`; `bundle` is its `servingCertificate`. */
  readonly ingress: readonly { readonly bundle?: string; readonly domain: string }[];
}

/**
 * @param extraRecord label of a second name for the API (`rh-api`); none when absent.
 * @returns the names in order: API, extra API, additional, ingress wildcards; lower case, each once; or why there are none.
 */
export function namesOfBundle(bundle: string, serving: ServingNames, extraRecord?: string): BundleNames {
  const clusterDomain = `${serving.clusterName}.${serving.baseDomain}`;
  const wanted: string[] = [];
  if (serving.defaultBundle === bundle) {
    wanted.push(`api.${clusterDomain}`);
    if (extraRecord !== undefined && extraRecord !== '') wanted.push(`${extraRecord}.${clusterDomain}`);
  }
  for (const entry of serving.additional) if (entry.bundle === bundle) wanted.push(entry.domain);
  for (const entry of serving.ingress) if (entry.bundle === bundle) wanted.push(asWildcard(entry.domain));

  return checkedNames(bundle, [...new Set(wanted.map((name) => name.toLowerCase()))], serving.baseDomain.toLowerCase());
}

function asWildcard(domain: string): string {
  return domain === '' || domain.startsWith('*.') ? domain : `*.${domain}`;
}

function checkedNames(bundle: string, dnsNames: readonly string[], zone: string): BundleNames {
  const [first] = dnsNames;
  if (first === undefined) {
    return {
      kind: 'invalid',
      code: 'names/none',
      message:
        `Nothing in the ClusterDeployment uses the bundle ${quoted(bundle)}: name it in ` +
        'controlPlaneConfig.servingCertificates or in ingress[].servingCertificate, or set generate to false.',
    };
  }
  if (dnsNames.length > MOST_NAMES) {
    return {
      kind: 'invalid',
      code: 'names/tooMany',
      message: `The bundle ${quoted(bundle)} has ${dnsNames.length} names; a certificate carries at most ${MOST_NAMES}. Spread them over more bundles.`,
    };
  }
  for (const name of dnsNames) {
    const problem = problemWithName(name);
    if (problem !== undefined) {
      return {
        kind: 'invalid',
        code: 'names/invalid',
        message: `The bundle ${quoted(bundle)} asks for ${quoted(name)}, which no certificate can carry: ${problem}. Correct it in the ClusterDeployment.`,
      };
    }
  }
  const outside = dnsNames.find((name) => !isInZone(name, zone));
  if (outside !== undefined) {
    return {
      kind: 'invalid',
      code: 'dns/nameOutsideZone',
      message: `The bundle ${quoted(bundle)} asks for ${quoted(outside)}, which is not in the cluster's zone ${quoted(zone)}, so it cannot be proved. Take it out, or put it below the zone.`,
    };
  }
  return first.length <= LONGEST_COMMON_NAME
    ? { kind: 'valid', dnsNames, commonName: first }
    : { kind: 'valid', dnsNames };
}
