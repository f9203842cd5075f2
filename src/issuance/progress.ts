import { Context } from '@temporalio/activity';
import type { z } from 'zod';
import { heartbeat } from '../../activities/wrap-activity.ts';

/** How far an activity got, kept by Temporal with its heartbeats: the next attempt starts from there. */
export interface Progress<Details> {
  /** What the last attempt recorded, if there was one. */
  readonly previous: Details | undefined;
  record(details: Details): void;
}

/** Gives an activity's work what an earlier attempt recorded, as read by `schema`; the boundary repeats it with each heartbeat. */
export async function withProgress<Details, Result>(
  schema: z.ZodType<Details>,
  work: (progress: Progress<Details>) => Promise<Result>,
): Promise<Result> {
  const read = schema.safeParse(Context.current().info.heartbeatDetails);
  return await work({ previous: read.success ? read.data : undefined, record: heartbeat });
}
