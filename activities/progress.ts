import { Context } from '@temporalio/activity';
import type { z } from 'zod';

/** How often a running activity says that it lives; cancellation reaches it with the answer. */
const BEAT_MS = 5_000;

/** How far an activity got, kept by Temporal with its heartbeats: the next attempt starts from there. */
export interface Progress<Details> {
  /** What the last attempt recorded, if there was one. */
  readonly earlier: Details | undefined;
  record(details: Details): void;
}

/** Runs an activity's work while heartbeating, repeating what was recorded last. `schema` reads what an earlier attempt recorded. */
export async function withProgress<Details, Result>(
  schema: z.ZodType<Details>,
  work: (progress: Progress<Details>) => Promise<Result>,
): Promise<Result> {
  const context = Context.current();
  const read = schema.safeParse(context.info.heartbeatDetails);
  let latest: Details | undefined = read.success ? read.data : undefined;
  const earlier = latest;
  const timer = setInterval(() => context.heartbeat(latest), BEAT_MS);
  try {
    return await work({
      earlier,
      record: (details) => {
        latest = details;
        context.heartbeat(details);
      },
    });
  } finally {
    clearInterval(timer);
  }
}
