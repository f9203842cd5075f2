import { STS } from '@aws-sdk/client-sts';
import { CertmanError } from '../../failures/failure.ts';
import type { AwsCredentials } from '../../kubernetes/objects/aws-credentials.ts';
import { AWS_CONNECTIONS } from './api.ts';
import { fromAwsError } from './aws-error.ts';

/** AWS's minimum (STS API reference, AssumeRole); enough, since sessions are renewed as they are used. */
const SESSION_SECONDS = 900;
const EXPIRY_MARGIN_MS = 120_000;

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

/** Calls STS AssumeRole. @throws CertmanError `dns/accessDenied` when the role may not be assumed, other `dns/…`. */
export async function assumeRole(
  credentials: SessionCredentials,
  role: { readonly arn: string; readonly region: string; readonly externalId?: string },
): Promise<Session> {
  try {
    // The region comes from the ClusterDeployment: the SDK throws for none, and for one that is no part of a host name.
    const sts = new STS({ region: role.region, credentials, maxAttempts: 2, requestHandler: AWS_CONNECTIONS });
    const answer = await sts.assumeRole({
      RoleArn: role.arn,
      RoleSessionName: 'certman',
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
