import type { ChangeHandle } from '../provider.ts';
import type { PendingChange } from './change-poller.ts';

/** `<change> <zone> <sent at, epoch ms>`: another worker polls the change when this one would. */
export function changeHandleOf(zoneId: string, { id, sentAt }: PendingChange): ChangeHandle {
  return `${id} ${zoneId} ${sentAt}`;
}

/** The inverse of {@link changeHandleOf}. */
export function readChangeHandle(handle: ChangeHandle): PendingChange & { readonly zoneId: string } {
  const [id = '', zoneId = '', sentAt = '0'] = handle.split(' ');
  return { id, zoneId, sentAt: Number(sentAt) };
}
