/** The activity that runs the controller. */

/** Per kind (its plural), the resourceVersion up to which all is handled; the heartbeat details, to resume there. */
export type WatchCheckpoint = Readonly<Record<string, string>>;

/** The controller on the management cluster's API server. */
export interface WatchActivities {
  /** Runs until cancelled or out of time. Resumes at the last heartbeat (at first: `resumeFrom`), else lists. */
  watchManagementCluster(input: { readonly resumeFrom?: WatchCheckpoint }): Promise<WatchCheckpoint>;
}
