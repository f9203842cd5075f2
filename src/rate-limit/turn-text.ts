/** How an order that waits for its turn is described: status, Event, Web UI and CLI show the same words. Pure. */
import type { Reservation } from './ca-budget.ts';

/** `2026-11-29T14:20:00Z, position 312 of 900 for example.com`: when an order is placed, and where it waits. */
export function turnText({ at, queue }: Pick<Reservation, 'at' | 'queue'>): string {
  const instant = instantText(at);
  if (queue === undefined) return instant;
  return `${instant}, position ${queue.position} of ${queue.of} for ${scopeText(queue.scope)}`;
}

/** The failure of an order that waits, in words. @param again when it asks again, if that is not its instant. */
export function turnMessage(
  caHost: string,
  reservation: Pick<Reservation, 'at' | 'queue'>,
  again = reservation.at,
): { readonly message: string; readonly remedy: string } {
  const isSooner = again < reservation.at;
  return {
    message: `The order waits for the rate limits of the CA ${caHost}: ordered at ${turnText(reservation)}.`,
    remedy: `${isSooner ? `It asks again at ${instantText(again)}. ` : ''}What is left, and who waits: certman budget.`,
  };
}

/** What a limit counts: `the account`, `example.com`, `exactly these names`. */
export function scopeText(scope: string): string {
  if (scope.startsWith('domain:')) return scope.slice('domain:'.length);
  return scope === 'account' ? 'the account' : 'exactly these names';
}

function instantText(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}
