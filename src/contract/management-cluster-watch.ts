import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { WatchCheckpoint } from './activities/watch.ts';
import { fieldsOf, isText } from './shape.ts';

/** Sent by the watch's activity when it starts. */
export const watchTakenOver = defineSignal<[WatchTakeover]>('watchTakenOver');

/** Argument of `watchTakenOver`. */
export interface WatchTakeover {
  /** Name of its pod. */
  readonly worker: string;
}

/** Whether a signal has the shape of a takeover. */
export function isTakeover(takeover: unknown): takeover is WatchTakeover {
  return isText(fieldsOf<WatchTakeover>(takeover).worker);
}

/** The worker that watches, and the last failure. */
export const watchStatus = defineQuery<WatchStatus>('watchStatus');

/** Entry of the watch's memo: the uid of its cluster's kube-system namespace, which distinguishes namesakes. */
export const CLUSTER_UID_MEMO = 'clusterUid';

/** Input of `managementClusterWatch`, the workflow that keeps the watch on a management cluster running. */
export interface ManagementClusterWatchInput {
  readonly managementCluster: string;
  /** Set by continue-as-new only. */
  readonly carried?: Pick<WatchStatus, 'holder' | 'takeovers'> & { readonly resumeFrom?: WatchCheckpoint };
}

/** The worker that watches, by its pod's name, and since when (RFC 3339). */
export interface WatchHolder {
  readonly worker: string;
  readonly since: string;
}

/** Result of the query `watchStatus`. */
export interface WatchStatus {
  readonly holder?: WatchHolder;
  /** Takeovers in all runs. */
  readonly takeovers: number;
  readonly lastFailure?: string;
}
