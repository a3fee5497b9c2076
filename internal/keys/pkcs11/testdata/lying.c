/*
 * A PKCS #11 module that passes on what another one says, but lies on command.
 * LYING_MODULE names the other, LYING_COMMAND a file of int64 numbers that is
 * shared with the test: what to do, how often (negative: for ever), and counters.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "pkcs11go.h"

enum {
	HONEST, GARBAGE, OTHER_KEY, TRUNCATED, ZERO_R, EMPTY, OTHER_DIGEST, DEVICE_ERROR, GENERAL_ERROR,
	SESSION_INVALID, NOT_LOGGED_IN, HANG, PIN_WRONG, PIN_LOCKED, REMOVED, LOST, SLOW, KEY_INVALID, HANG_OPEN, WEDGED, LAST_TRY,
	ONE_REMOVED, HANG_CLOSE
};

/* The order of the shared numbers. */
enum { MODE, LEFT, LOGINS, REFUSED, SIGNS, INSIDE, MOST, LIES, INITS, RELEASED };

static CK_FUNCTION_LIST *real, list;
static volatile int64_t *shared;

static int told(int mode)
{
	if (__atomic_load_n(&shared[MODE], __ATOMIC_SEQ_CST) != mode)
		return 0;
	int64_t left = __atomic_load_n(&shared[LEFT], __ATOMIC_SEQ_CST);
	while (left != 0) {
		if (left < 0 || __atomic_compare_exchange_n(&shared[LEFT], &left, left - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			__atomic_add_fetch(&shared[LIES], 1, __ATOMIC_SEQ_CST);
			return 1;
		}
	}
	return 0;
}

/* Hangs for a minute, or until the mode is another. */
static void hang(int mode)
{
	for (int i = 0; i < 6000 && __atomic_load_n(&shared[MODE], __ATOMIC_SEQ_CST) == mode; i++)
		usleep(10000);
}

/* From the first lie on every call of this copy of the module hangs, until the test
 * ends; another copy knows nothing of it. */
static volatile int wedged;

static void wedge(void)
{
	if (told(WEDGED))
		wedged = 1;
	while (wedged && !shared[RELEASED])
		usleep(10000);
	wedged = 0;
}

/* The token that is labelled state is away, and others are not. */
static int away(CK_SLOT_ID slot)
{
	CK_TOKEN_INFO info;
	if (__atomic_load_n(&shared[MODE], __ATOMIC_SEQ_CST) != ONE_REMOVED)
		return 0;
	return real->C_GetTokenInfo(slot, &info) == CKR_OK && memcmp(info.label, "state ", 6) == 0 && told(ONE_REMOVED);
}

static CK_OBJECT_HANDLE other(CK_SESSION_HANDLE s)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE template[2];
	CK_OBJECT_HANDLE found = 0;
	CK_ULONG n = 0;
	memset(template, 0, sizeof(template));
	template[0].type = CKA_CLASS;
	template[0].pValue = &class;
	template[0].ulValueLen = sizeof(class);
	template[1].type = CKA_LABEL;
	template[1].pValue = "other";
	template[1].ulValueLen = 5;
	real->C_FindObjectsInit(s, template, 2);
	real->C_FindObjects(s, &found, 1, &n);
	real->C_FindObjectsFinal(s);
	return found;
}

static CK_RV sign_init(CK_SESSION_HANDLE s, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
	if (told(OTHER_KEY))
		key = other(s);
	return real->C_SignInit(s, mechanism, key);
}

static CK_RV sign(CK_SESSION_HANDLE s, CK_BYTE_PTR data, CK_ULONG n, CK_BYTE_PTR sig, CK_ULONG_PTR len)
{
	CK_BYTE changed[64];
	CK_SESSION_INFO at;
	CK_RV rv;
	if (sig == NULL)
		return real->C_Sign(s, data, n, sig, len);
	if (real->C_GetSessionInfo(s, &at) == CKR_OK && away(at.slotID))
		return CKR_DEVICE_REMOVED;
	__atomic_add_fetch(&shared[SIGNS], 1, __ATOMIC_SEQ_CST);
	int64_t inside = __atomic_add_fetch(&shared[INSIDE], 1, __ATOMIC_SEQ_CST);
	if (inside > shared[MOST])
		shared[MOST] = inside;
	wedge();
	if (told(HANG))
		hang(HANG);
	if (told(SLOW))
		usleep(20000);
	if (told(OTHER_DIGEST) && n <= sizeof(changed)) {
		memcpy(changed, data, n);
		changed[0] ^= 1;
		data = changed;
	}
	rv = real->C_Sign(s, data, n, sig, len);
	__atomic_sub_fetch(&shared[INSIDE], 1, __ATOMIC_SEQ_CST);
	if (told(GARBAGE))
		for (CK_ULONG i = 0; i < *len; i++)
			sig[i] = (CK_BYTE)(i * 7 + 1);
	if (told(TRUNCATED))
		*len -= 1;
	if (told(ZERO_R))
		memset(sig, 0, *len / 2);
	if (told(EMPTY))
		*len = 0;
	if (told(DEVICE_ERROR))
		return CKR_DEVICE_ERROR;
	if (told(GENERAL_ERROR))
		return CKR_GENERAL_ERROR;
	if (told(SESSION_INVALID))
		return CKR_SESSION_HANDLE_INVALID;
	if (told(NOT_LOGGED_IN))
		return CKR_USER_NOT_LOGGED_IN;
	if (told(KEY_INVALID))
		return CKR_KEY_HANDLE_INVALID;
	if (told(REMOVED))
		return CKR_DEVICE_REMOVED;
	if (told(LOST))
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	return rv;
}

static CK_RV login(CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG n)
{
	CK_RV rv;
	__atomic_add_fetch(&shared[LOGINS], 1, __ATOMIC_SEQ_CST);
	if (told(PIN_WRONG))
		rv = CKR_PIN_INCORRECT;
	else if (told(PIN_LOCKED))
		rv = CKR_PIN_LOCKED;
	else
		rv = real->C_Login(s, user, pin, n);
	if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED)
		__atomic_add_fetch(&shared[REFUSED], 1, __ATOMIC_SEQ_CST);
	return rv;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR app, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR s)
{
	wedge();
	if (told(HANG_OPEN))
		hang(HANG_OPEN);
	if (told(REMOVED) || away(slot))
		return CKR_TOKEN_NOT_PRESENT;
	if (told(LOST))
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	return real->C_OpenSession(slot, flags, app, notify, s);
}

static CK_RV close_session(CK_SESSION_HANDLE s)
{
	if (told(HANG_CLOSE))
		hang(HANG_CLOSE);
	return real->C_CloseSession(s);
}

static CK_RV slots(CK_BBOOL present, CK_SLOT_ID_PTR slot, CK_ULONG_PTR n)
{
	wedge();
	if (told(REMOVED)) {
		*n = 0;
		return CKR_OK;
	}
	return real->C_GetSlotList(present, slot, n);
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
	CK_RV rv = real->C_GetTokenInfo(slot, info);
	if (away(slot))
		return CKR_TOKEN_NOT_PRESENT;
	if (told(LAST_TRY))
		info->flags |= CKF_USER_PIN_FINAL_TRY;
	return rv;
}

/* What was lost comes back when the module is begun anew. */
static CK_RV initialize(CK_VOID_PTR args)
{
	__atomic_add_fetch(&shared[INITS], 1, __ATOMIC_SEQ_CST);
	if (shared[MODE] == LOST)
		shared[MODE] = HONEST;
	return real->C_Initialize(args);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
	CK_C_GetFunctionList get;
	void *module = dlopen(getenv("LYING_MODULE"), RTLD_NOW);
	int fd = open(getenv("LYING_COMMAND"), O_RDWR);
	if (module == NULL || fd < 0)
		return CKR_GENERAL_ERROR;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	get = (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList");
	if (shared == MAP_FAILED || get == NULL || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	list = *real;
	list.C_SignInit = sign_init;
	list.C_Sign = sign;
	list.C_Login = login;
	list.C_OpenSession = open_session;
	list.C_CloseSession = close_session;
	list.C_GetSlotList = slots;
	list.C_GetTokenInfo = token_info;
	list.C_Initialize = initialize;
	*out = &list;
	return CKR_OK;
}
