/** Orders and certificates by the CA's own log, which also has those that no worker received. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface IssuedByCa {
  /** Decimal. */
  readonly serialNumber: string;
  /** Last part of the order's URL. */
  readonly orderId: string;
}

export interface CaLog {
  /** Placed orders. */
  readonly orders: number;
  /** Orders that replace a certificate (RFC 9773 §5). */
  readonly replacing: number;
  /** Issued certificates, in order. */
  readonly issued: readonly IssuedByCa[];
}

/** Reads the CA's log. @param stateDir of the stack. */
export async function readCaLog(stateDir: string): Promise<CaLog> {
  const text = await readFile(join(stateDir, 'logs', 'pebble.log'), 'utf8');
  const issued = [...text.matchAll(/Issued certificate serial ([0-9a-f]+) for order (\S+)/g)];
  return {
    orders: (text.match(/Added order /g) ?? []).length,
    replacing: (text.match(/ is a replacement of /g) ?? []).length,
    issued: issued.map(([, hex, orderId = '']) => ({ serialNumber: BigInt(`0x${hex}`).toString(), orderId })),
  };
}
