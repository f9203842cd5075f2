/** Signal, query and input of `managementClusterWatch`, the workflow that keeps the watch on a management cluster running. */
import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { WatchCheckpoint } from './activities.ts';

/** Sent by the watch's activity when it starts. */
export const watchTakenOver = defineSignal<[{ readonly worker: string }]>('watchTakenOver');
/** The worker that watches, and the last failure. */
export const watchStatus = defineQuery<WatchStatus>('watchStatus');

/** Input of the workflow. */
export interface ManagementClusterWatchInput {
  readonly managementCluster: string;
  /** Set by continue-as-new only. */
  readonly carried?: Pick<WatchStatus, 'holder' | 'takeovers'> & { readonly resumeFrom?: WatchCheckpoint };
}

/** The worker that watches. */
export interface WatchHolder {
  /** Identity of the worker: its pod's name. */
  readonly worker: string;
  /** RFC 3339. */
  readonly since: string;
}

/** Result of the query `watchStatus`. */
export interface WatchStatus {
  readonly holder?: WatchHolder;
  /** Takeovers in all runs. */
  readonly takeovers: number;
  /** Why the last attempt failed. */
  readonly lastFailure?: string;
}
