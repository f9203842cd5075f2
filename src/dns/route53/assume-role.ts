import { createHash } from 'node:crypto';
import { STS } from '@aws-sdk/client-sts';
import { CertmanError } from '../../failures/failure.ts';
import type { AwsCredentials } from '../../kubernetes/objects/aws-credentials.ts';
import { AWS_CONNECTIONS } from './api.ts';
import { fromAwsError } from './aws-error.ts';

/** AWS's minimum (STS API reference, AssumeRole); enough, since sessions are renewed as they are used. */
const SESSION_SECONDS = 900;
const EXPIRY_MARGIN_MS = 120_000;
/** STS API reference, AssumeRole: `[\w+=,.@-]{2,64}`. */
const MAX_SESSION_NAME = 64;
const NOT_IN_A_SESSION_NAME = /[^\w+=,.@-]/g;

/** Static credentials, or those of a session. */
export interface SessionCredentials extends AwsCredentials {
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Credentials of an assumed role. */
export type Session = Required<SessionCredentials>;

/** How long a session may still be used, in milliseconds. */
export function usableMs({ expiration }: Session): number {
  return expiration.getTime() - Date.now() - EXPIRY_MARGIN_MS;
}

/**
 * The name of the session of a cluster's role: CloudTrail shows by it which cluster a change was made for.
 *
 * @returns `certman@<namespace>.<name>`, cut and with a digest where it would be too long.
 */
export function sessionNameOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  const whole = `certman@${namespace}.${name}`;
  const allowed = whole.replaceAll(NOT_IN_A_SESSION_NAME, '-');
  if (allowed === whole && whole.length <= MAX_SESSION_NAME) return whole;
  const digest = createHash('sha256').update(whole).digest('hex').slice(0, 8);
  return `${allowed.slice(0, MAX_SESSION_NAME - 1 - digest.length)}-${digest}`;
}

/** Calls STS AssumeRole. @throws CertmanError `dns/accessDenied` when the role may not be assumed, other `dns/…`. */
export async function assumeRole(
  credentials: SessionCredentials,
  role: { readonly arn: string; readonly region: string; readonly sessionName: string; readonly externalId?: string },
): Promise<Session> {
  try {
    // The region comes from the ClusterDeployment: the SDK throws for none, and for one that is no part of a host name.
    const sts = new STS({ region: role.region, credentials, maxAttempts: 2, requestHandler: AWS_CONNECTIONS });
    const answer = await sts.assumeRole({
      RoleArn: role.arn,
      RoleSessionName: role.sessionName,
      DurationSeconds: SESSION_SECONDS,
      ExternalId: role.externalId,
    });
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = answer.Credentials ?? {};
    if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined) {
      const message = `AWS let role ${role.arn} be assumed without giving credentials.`;
      throw new CertmanError({ code: 'dns/unexpected', message });
    }
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiration: Expiration ?? new Date(Date.now() + SESSION_SECONDS * 1_000),
    };
  } catch (error) {
    throw fromAwsError(`let role ${role.arn} be assumed`, error);
  }
}
