/**
 * The search attributes of certman's workflows. SQL visibility has room for 10 Keyword attributes and 3 of each other type per
 * namespace; a Keyword has at most 255 characters.
 */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

export const CertState = defineSearchAttributeKey('CertState', SearchAttributeType.KEYWORD);
export const CertCluster = defineSearchAttributeKey('CertCluster', SearchAttributeType.KEYWORD);
/** Of a cluster, what holds up its most urgent bundle, else its state; of an issuance, why it was ordered (`OrderReason`). */
export const CertReason = defineSearchAttributeKey('CertReason', SearchAttributeType.KEYWORD);
export const CertIssuer = defineSearchAttributeKey('CertIssuer', SearchAttributeType.KEYWORD);
/** Digest of the exact set of names, on issuances: what the CA's exact-set limit counts by. */
export const CertNameSet = defineSearchAttributeKey('CertNameSet', SearchAttributeType.KEYWORD);
export const CertNames = defineSearchAttributeKey('CertNames', SearchAttributeType.KEYWORD_LIST);
export const CertExpiry = defineSearchAttributeKey('CertExpiry', SearchAttributeType.DATETIME);
export const CertRenewAt = defineSearchAttributeKey('CertRenewAt', SearchAttributeType.DATETIME);

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
] as const;
