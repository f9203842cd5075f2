/** Signal, query and input of `managementClusterWatch`, the workflow that keeps the watch on a management cluster running. */
import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { WatchCheckpoint } from './activities.ts';

/** Sent by the watch's activity when it begins: who watches from now on. */
export const watchTakenOver = defineSignal<[{ readonly worker: string }]>('watchTakenOver');
export const watchStatus = defineQuery<WatchStatus>('watchStatus');

export interface ManagementClusterWatchInput {
  /** Name of the hub. */
  readonly managementCluster: string;
  /** Absent from callers; filled when the workflow continues as new. */
  readonly carried?: {
    readonly resumeFrom?: WatchCheckpoint;
    readonly watching?: WatchHolder;
    readonly takeovers: number;
  };
}

export interface WatchHolder {
  /** Name of the worker (its pod). */
  readonly worker: string;
  /** RFC 3339. */
  readonly since: string;
}

export interface WatchStatus {
  readonly holder?: WatchHolder;
  /** How often the watch has changed hands, over all runs. */
  readonly takeovers: number;
  /** Why the last attempt ended, when it failed. */
  readonly lastFailure?: string;
}
