/** What is asked of a new image's signature. Verified when the content is here: reconcilers/image-check.ts. */
import type { imageRoutes } from '../../api/image.ts'
import type { BodyOf } from '../../api/route.ts'
import { CloudError } from '../../model/errors.ts'
import { algorithmsOf, type SignatureAlgorithm } from '../../model/signature.ts'
import type { Cloud } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import type { ImageSignature } from '../store/image.ts'
import { imageKey } from '../store/image-key.ts'

type Asked = Pick<BodyOf<typeof imageRoutes.create>, 'signature' | 'signing_key' | 'signature_algorithm'>

/** Null when none was given. Throws image_refused where one is required, invalid, not_found for a key that is not trusted. */
export async function signatureAsked(
  tx: Tx,
  cloud: Cloud,
  asked: Asked,
  project_id: string,
): Promise<ImageSignature | null> {
  const { signature, signing_key, signature_algorithm } = asked
  if (signature === undefined && signing_key === undefined && signature_algorithm === undefined) {
    if (!cloud.settings.at('image.require_signature', { project_id })) return null
    throw new CloudError('image_refused', unsigned)
  }
  if (signature === undefined || signing_key === undefined) {
    throw new CloudError(
      'invalid',
      'A signature and the key that it was made with go together: name signature and signing_key.',
    )
  }
  const key = await imageKey.findNamed(tx, signing_key)
  if (!key) {
    throw new CloudError(
      'not_found',
      `There is no image key '${signing_key}'. GET /v1/image-keys (croft image-key list) shows those that are trusted.`,
    )
  }
  const possible: readonly SignatureAlgorithm[] = algorithmsOf[key.kind]
  const algorithm = signature_algorithm ?? algorithmsOf[key.kind][0]
  if (!possible.includes(algorithm)) {
    throw new CloudError(
      'invalid',
      `The algorithm ${algorithm} does not go with the key '${key.name}' (${key.kind}): it signs by ${possible.join(', ')}.`,
      { possible },
    )
  }
  return {
    signature: Buffer.from(signature, 'base64'),
    signature_algorithm: algorithm,
    signing_key_id: key.id,
    signing_key_name: key.name,
    signing_key_fingerprint: key.fingerprint,
  }
}

export const unsigned =
  'Images must be signed here (setting image.require_signature), and this one is not. Sign its file with one of the keys ' +
  'that croft image-key list shows, and give signature and signing_key.'
