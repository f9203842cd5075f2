/** Every order that the CA accepted, as seen by the relay, including orders that certman never learned of. */
import { z } from 'zod';
import type { ExchangeListener, ExternalRequest, ExternalResponse } from '../relays/exchange.ts';
import { kindOf } from '../request-kinds.ts';

export interface SeenOrder {
  /** Last segment of its URL, as in the CA's log. */
  readonly id: string;
  readonly dnsNames: readonly string[];
  /** The worker incarnation that sent the request; undefined when it was dead before the request was read. */
  readonly incarnation: string | undefined;
  /** Whether the worker received the CA's response. */
  readonly delivered: boolean;
  /** `performance.now()` when the response was forwarded or dropped. */
  readonly at: number;
  /** `performance.now()` when Temporal had its URL, so that the next attempt can continue it; absent: it never had. */
  readonly recordedAt?: number;
}

const jwsSchema = z.object({ payload: z.string() });
const newOrderSchema = z.object({ identifiers: z.array(z.object({ value: z.string() })) });

const GRPC_OK = 0;

export class OrderJournal {
  readonly #orders = new Map<string, SeenOrder>();

  get orders(): readonly SeenOrder[] {
    return [...this.#orders.values()];
  }

  readonly listen: ExchangeListener = (request, response, delivered) => {
    const kind = kindOf(request);
    if (kind === 'newOrder' && response.status === 201) this.#place(request, response, delivered);
    else if ((kind === 'recordOrder' || kind === 'activityDone') && response.status === GRPC_OK) this.#record(request);
  };

  #place(request: ExternalRequest, response: ExternalResponse, delivered: boolean): void {
    const { location } = response.headers;
    const url = typeof location === 'string' ? location : '';
    const id = url.slice(url.lastIndexOf('/') + 1);
    this.#orders.set(id, {
      id,
      dnsNames: namesOrdered(request),
      incarnation: request.worker,
      delivered,
      at: performance.now(),
    });
  }

  /** A heartbeat or result that Temporal accepted; it rejects those of a timed-out attempt. */
  #record({ body }: ExternalRequest): void {
    for (const order of this.#orders.values()) {
      if (order.recordedAt !== undefined || !body.includes(order.id)) continue;
      this.#orders.set(order.id, { ...order, recordedAt: performance.now() });
    }
  }
}

/** Payload of newOrder (RFC 8555 §7.4) in a flattened JWS (§6.2). */
function namesOrdered({ body }: ExternalRequest): readonly string[] {
  const { payload } = jwsSchema.parse(JSON.parse(body.toString()));
  const order = newOrderSchema.parse(JSON.parse(Buffer.from(payload, 'base64url').toString()));
  return order.identifiers.map(({ value }) => value);
}
