/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_key - the key as mbedTLS sees it: a secure element of PSA whose sign asks the signer.
 * PSA wants secure elements to be persistent, so it stores the list of their keys; the four
 * psa_its_* functions keep that list in memory, for the life of the process.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls_key.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"

#include "psa/crypto.h"
#include "psa/crypto_se_driver.h"
#include "psa/internal_trusted_storage.h"

enum {
	LOCATION = 1,			/* mbedTLS takes 1 to 255 */
	SLOT = 1,
	ITS_ITEMS_MAX = 8,
	ITS_BYTES_MAX = 512
};

#define KEY_ID ((psa_key_id_t)0x1001)
#define KEY_LIFETIME PSA_KEY_LIFETIME_FROM_PERSISTENCE_AND_LOCATION( \
	PSA_KEY_PERSISTENCE_DEFAULT, (psa_key_location_t)LOCATION)

static struct its_item {
	uint64_t uid;
	uint32_t len, flags;
	bool used;
	uint8_t data[ITS_BYTES_MAX];
} its[ITS_ITEMS_MAX];

static int signer_fd = -1;
static uint8_t signer_public[65];	/* 0x04, x, y */
static bool driver_known;

static struct its_item *
its_find(uint64_t uid)
{
	for (size_t i = 0; i < ARRAY_LEN(its); i++)
		if (its[i].used && its[i].uid == uid)
			return &its[i];
	return NULL;
}

psa_status_t
psa_its_set(uint64_t uid, uint32_t len, const void *p, uint32_t flags)
{
	struct its_item *item = its_find(uid);

	if (len > ITS_BYTES_MAX)
		return PSA_ERROR_INSUFFICIENT_STORAGE;
	for (size_t i = 0; item == NULL && i < ARRAY_LEN(its); i++)
		if (!its[i].used)
			item = &its[i];
	if (item == NULL)
		return PSA_ERROR_INSUFFICIENT_STORAGE;
	*item = (struct its_item){ .uid = uid, .len = len, .flags = flags, .used = true };
	if (len > 0)
		memcpy(item->data, p, len);
	return PSA_SUCCESS;
}

psa_status_t
psa_its_get(uint64_t uid, uint32_t offset, uint32_t len, void *p, size_t *got)
{
	const struct its_item *item = its_find(uid);

	if (item == NULL)
		return PSA_ERROR_DOES_NOT_EXIST;
	if (offset > item->len || len > item->len - offset)
		return PSA_ERROR_DATA_CORRUPT;
	if (len > 0)
		memcpy(p, item->data + offset, len);
	*got = len;
	return PSA_SUCCESS;
}

psa_status_t
psa_its_get_info(uint64_t uid, struct psa_storage_info_t *info)
{
	const struct its_item *item = its_find(uid);

	if (item == NULL)
		return PSA_ERROR_DOES_NOT_EXIST;
	*info = (struct psa_storage_info_t){ .size = item->len, .flags = item->flags };
	return PSA_SUCCESS;
}

psa_status_t
psa_its_remove(uint64_t uid)
{
	struct its_item *item = its_find(uid);

	if (item == NULL)
		return PSA_ERROR_DOES_NOT_EXIST;
	memset(item, 0, sizeof(*item));
	return PSA_SUCCESS;
}

static psa_status_t
slot_allocate(psa_drv_se_context_t *ctx, void *data, const psa_key_attributes_t *attributes,
    psa_key_creation_method_t method, psa_key_slot_number_t *slot)
{
	UNUSED(ctx);
	UNUSED(data);
	UNUSED(attributes);
	UNUSED(method);
	*slot = SLOT;
	return PSA_SUCCESS;
}

static psa_status_t
slot_validate(psa_drv_se_context_t *ctx, void *data, const psa_key_attributes_t *attributes,
    psa_key_creation_method_t method, psa_key_slot_number_t slot)
{
	UNUSED(ctx);
	UNUSED(data);
	UNUSED(attributes);
	UNUSED(method);
	return slot == SLOT ? PSA_SUCCESS : PSA_ERROR_INVALID_ARGUMENT;
}

static psa_status_t
slot_destroy(psa_drv_se_context_t *ctx, void *data, psa_key_slot_number_t slot)
{
	UNUSED(ctx);
	UNUSED(data);
	return slot == SLOT ? PSA_SUCCESS : PSA_ERROR_INVALID_ARGUMENT;
}

static psa_status_t
public_export(psa_drv_se_context_t *ctx, psa_key_slot_number_t slot, uint8_t *out, size_t cap,
    size_t *len)
{
	UNUSED(ctx);
	if (slot != SLOT || cap < sizeof(signer_public))
		return PSA_ERROR_BUFFER_TOO_SMALL;
	memcpy(out, signer_public, sizeof(signer_public));
	*len = sizeof(signer_public);
	return PSA_SUCCESS;
}

/* One question, one answer, within SIGNER_TIMEOUT_MS. */
static psa_status_t
digest_sign(psa_drv_se_context_t *ctx, psa_key_slot_number_t slot, psa_algorithm_t alg,
    const uint8_t *digest, size_t digest_len, uint8_t *sig, size_t cap, size_t *sig_len)
{
	uint8_t ask[SIGNER_REQUEST_BYTES] = { 1, (uint8_t)digest_len };
	uint8_t answer[SIGNER_ANSWER_BYTES];
	struct pollfd p = { .fd = signer_fd, .events = POLLIN };
	static uint32_t number;

	UNUSED(ctx);
	UNUSED(alg);
	if (slot != SLOT || digest_len > SIGNER_REQUEST_BYTES - SIGNER_HEAD_BYTES ||
	    cap < SIGNER_ANSWER_BYTES - SIGNER_HEAD_BYTES)
		return PSA_ERROR_INVALID_ARGUMENT;
	if (number == 0 && getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return PSA_ERROR_INSUFFICIENT_ENTROPY;
	put_le32(ask + 2, ++number);
	memcpy(ask + SIGNER_HEAD_BYTES, digest, digest_len);
	if (send(signer_fd, ask, sizeof(ask), MSG_NOSIGNAL) != (ssize_t)sizeof(ask))
		return PSA_ERROR_COMMUNICATION_FAILURE;
	do {
		if (poll(&p, 1, SIGNER_TIMEOUT_MS) != 1 || recv(signer_fd, answer, sizeof(answer),
		    MSG_DONTWAIT) != (ssize_t)sizeof(answer) || answer[0] != 1)
			return PSA_ERROR_COMMUNICATION_FAILURE;
	} while (get_le32(answer + 2) != number);
	if (answer[1] != 0)
		return PSA_ERROR_COMMUNICATION_FAILURE;
	memcpy(sig, answer + SIGNER_HEAD_BYTES, SIGNER_ANSWER_BYTES - SIGNER_HEAD_BYTES);
	*sig_len = SIGNER_ANSWER_BYTES - SIGNER_HEAD_BYTES;
	return PSA_SUCCESS;
}

static const psa_drv_se_key_management_t management = { .p_allocate = slot_allocate,
	.p_validate_slot_number = slot_validate, .p_destroy = slot_destroy,
	.p_export_public = public_export };
static const psa_drv_se_asymmetric_t asymmetric = { .p_sign = digest_sign };
static const psa_drv_se_t driver = { .hal_version = PSA_DRV_SE_HAL_VERSION,
	.key_management = &management, .asymmetric = &asymmetric };

enum rc
tls_key_open(int fd, const mbedtls_pk_context *public_key, mbedtls_pk_context *pk,
    struct diag *diag)
{
	psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;
	psa_status_t st = PSA_SUCCESS;
	const mbedtls_ecp_keypair *ec;
	size_t n = 0;

	CHECK(fd >= 0);
	signer_fd = fd;
	if (mbedtls_pk_get_type(public_key) != MBEDTLS_PK_ECKEY ||
	    mbedtls_pk_get_bitlen(public_key) != 256) {
		diag_set(diag, "keys", "the server certificate's key is not ECDSA P-256");
		return RC_INVALID;
	}
	ec = mbedtls_pk_ec(*public_key);
	if (mbedtls_ecp_point_write_binary(&ec->grp, &ec->Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &n,
	    signer_public, sizeof(signer_public)) != 0 || n != sizeof(signer_public)) {
		diag_set(diag, "keys", "the server certificate's key cannot be read");
		return RC_INVALID;
	}
	if (!driver_known)
		st = psa_register_se_driver(LOCATION, &driver);
	driver_known = st == PSA_SUCCESS;
	if (st == PSA_SUCCESS)
		st = psa_crypto_init();
	if (st == PSA_SUCCESS && psa_destroy_key(KEY_ID) == PSA_ERROR_CORRUPTION_DETECTED)
		st = PSA_ERROR_CORRUPTION_DETECTED;
	psa_set_key_id(&a, KEY_ID);
	psa_set_key_lifetime(&a, KEY_LIFETIME);
	psa_set_key_type(&a, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
	psa_set_key_bits(&a, 256);
	psa_set_key_usage_flags(&a, PSA_KEY_USAGE_SIGN_HASH);
	psa_set_key_algorithm(&a, PSA_ALG_ECDSA(PSA_ALG_ANY_HASH));
	psa_set_key_slot_number(&a, SLOT);
	if (st == PSA_SUCCESS)
		st = mbedtls_psa_register_se_key(&a);
	if (st != PSA_SUCCESS || mbedtls_pk_setup_opaque(pk, KEY_ID) != 0) {
		diag_set(diag, "keys", "cannot use the signer's key (status %d)", (int)st);
		return RC_INVALID;
	}
	return RC_OK;
}
