import { z } from 'zod';
import { POSTPONEMENT_REASONS, type PostponementReason } from '../../certificates/postponement.ts';

const conditionSchema = z.object({
  type: z.literal('Renewing'),
  status: z.literal('False'),
  reason: z.enum(POSTPONEMENT_REASONS),
});

/** Why the renewal waits that the conditions of a status are about; undefined: it does not. */
export function observedPostponement(conditions: readonly unknown[]): PostponementReason | undefined {
  for (const condition of conditions) {
    const { data } = conditionSchema.safeParse(condition);
    if (data !== undefined) return data.reason;
  }
  return undefined;
}
