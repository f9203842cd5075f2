import { Connection, type ConnectionOptions } from '@temporalio/client';
import { retryUntilClosed } from './retry-until-closed.ts';

/** Connects as the SDK does. @throws Error when there is no connection in time (default 10 s). */
export async function connect(options: Omit<ConnectionOptions, 'interceptors'>): Promise<Connection> {
  return await Connection.connect({ ...options, interceptors: retryUntilClosed() });
}
