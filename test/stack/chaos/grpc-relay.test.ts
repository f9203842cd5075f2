/** The relay in front of Temporal, with Temporal's own client and server at its ends. */
import { Client } from '@temporalio/client';
import { afterEach, describe, expect, test } from 'vitest';
import { connect } from '../../../src/temporal/connect.ts';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';
import type { ExternalRequest, Interceptor, Relay } from '../../chaos/relays/exchange.ts';
import { startGrpcRelay } from '../../chaos/relays/grpc-relay.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const ending: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

async function clientThrough(fates: Partial<Interceptor> = {}) {
  const seen: { readonly method: string; readonly status: number; readonly delivered: boolean }[] = [];
  const relay: Relay = await startGrpcRelay({
    system: 'temporal',
    target: `http://${useStack().temporal.address}`,
    interceptor: {
      beforeRequest: () => Promise.resolve('pass'),
      afterResponse: () => Promise.resolve('pass'),
      ...fates,
    },
    ownerOf: () => 'worker-1 incarnation 1',
    onExchange: ({ path }, { status }, delivered) => {
      seen.push({ method: path.slice(path.lastIndexOf('/') + 1), status, delivered });
    },
  });
  ending.push(() => relay.close());
  const connection = await connect({ address: `127.0.0.1:${relay.port}` });
  ending.push(() => connection.close());
  return { client: new Client({ connection }), seen };
}

/** Of gRPC. */

/** Nobody polls this queue: the workflow waits until it is terminated. */
const parked = (workflowId: string) => ({ taskQueue: 'unpolled', workflowId });

describe('a relay in front of Temporal', () => {
  test('forwards responses and errors unchanged', async () => {
    const { client, seen } = await clientThrough();
    const id = `relayed/${crypto.randomUUID()}`;
    const handle = await client.workflow.start('anything', parked(id));
    await expect(client.workflow.start('anything', parked(id))).rejects.toThrow('already started');
    await expect(client.workflow.getHandle(`${id}/none`).describe()).rejects.toThrow('not found');
    await handle.terminate();
    expect(seen.every(({ delivered }) => delivered)).toBe(true);
    const starts = seen.filter(({ method }) => method === 'StartWorkflowExecution').map(({ status }) => status);
    expect(starts).toEqual([0, GRPC_STATUS.ALREADY_EXISTS]);
  });

  test.each([
    ['before', 'the server receives no request'],
    ['after', 'the server has processed the request'],
  ])('cuts %s the server: %s', async (moment) => {
    const id = `cut/${crypto.randomUUID()}`;
    const isCut = new AbortController();
    const cutStart = ({ path }: ExternalRequest) => {
      if (!path.endsWith('/StartWorkflowExecution')) return Promise.resolve('pass' as const);
      // The client would try again and again.
      setImmediate(() => isCut.abort(new Error('it was cut')));
      return Promise.resolve('cut' as const);
    };
    const { client } = await clientThrough(
      moment === 'before' ? { beforeRequest: cutStart } : { afterResponse: cutStart },
    );
    const starting = client.withAbortSignal(isCut.signal, () => client.workflow.start('anything', parked(id)));
    await expect(starting).rejects.toThrow();
    expect(isCut.signal.aborted).toBe(true);
    const { client: direct } = await clientThrough();
    const described = direct.workflow.getHandle(id).describe();
    if (moment === 'before') await expect(described).rejects.toThrow('not found');
    else {
      await expect(described).resolves.toMatchObject({ status: { name: 'RUNNING' } });
      await direct.workflow.getHandle(id).terminate();
    }
  });
});
