/** SQL visibility has room for 10 Keyword attributes (255 characters) and 3 of each other type per namespace. */
import { defineSearchAttributeKey, type SearchAttributePair, SearchAttributeType } from '@temporalio/common';

/** State of a cluster's most urgent bundle (`CertificateState`). */
export const CertState = defineSearchAttributeKey('CertState', SearchAttributeType.KEYWORD);
/** `<namespace>/<name>` */
export const CertCluster = defineSearchAttributeKey('CertCluster', SearchAttributeType.KEYWORD);
/** Of a cluster, the failure of its most urgent bundle, else its state; of an issuance, its `OrderReason`. */
export const CertReason = defineSearchAttributeKey('CertReason', SearchAttributeType.KEYWORD);
/** Issuer of the most urgent bundle's certificate. */
export const CertIssuer = defineSearchAttributeKey('CertIssuer', SearchAttributeType.KEYWORD);
/** Digest of an issuance's exact set of names, by which the CA's rate limit counts. */
export const CertNameSet = defineSearchAttributeKey('CertNameSet', SearchAttributeType.KEYWORD);
/** The first ten names. */
export const CertNames = defineSearchAttributeKey('CertNames', SearchAttributeType.KEYWORD_LIST);
/** When the most urgent bundle's certificate expires. */
export const CertExpiry = defineSearchAttributeKey('CertExpiry', SearchAttributeType.DATETIME);
/** When it is renewed. */
export const CertRenewAt = defineSearchAttributeKey('CertRenewAt', SearchAttributeType.DATETIME);

/** What needs attention or was requested beside that (`Also`), as `<bundle>: <reason>`; absent: nothing. */
export const CertAlso = defineSearchAttributeKey('CertAlso', SearchAttributeType.KEYWORD_LIST);

/** Of every namespace: the patches of a run. */
export const CHANGE_VERSION = 'TemporalChangeVersion';

/** sdk-core replaces it by those of the run's markers where there are any. */
const ChangeVersion = defineSearchAttributeKey(CHANGE_VERSION, SearchAttributeType.KEYWORD_LIST);

/** What the run of a cluster is started with, so that it is found by the patches of its input. */
export function patchAttribute(patches: readonly string[] = []): SearchAttributePair[] {
  return patches.length === 0 ? [] : [{ key: ChangeVersion, value: [...patches] }];
}

/** All of them, for registration. */
export const SEARCH_ATTRIBUTES = [
  CertState,
  CertCluster,
  CertReason,
  CertIssuer,
  CertNameSet,
  CertNames,
  CertExpiry,
  CertRenewAt,
  CertAlso,
] as const;
