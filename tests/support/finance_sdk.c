/* A simulator of the documented C interface of the archive's SDK, for tests of the binding alone.
 *
 * It is ours, talks to nobody and knows no cipher of WeCom's: "decryption" is XOR of hex with the
 * key. What it is for: signatures, 64-bit numbers, slices with their lengths, return codes, and
 * that whatever was made is freed. Tests tell it what to answer through the functions sim_*.
 */
#include <stdlib.h>
#include <string.h>

typedef struct { char *buf; int len; } Slice_t;
typedef struct { char *outindexbuf; int out_len; char *data; int data_len; int is_finish; } MediaData_t;
typedef struct { char corpid[64]; char secret[64]; } WeWorkFinanceSdk_t;

static long living = 0;                 /* handles, slices and media that were made and not freed */
static int answer = 0;                  /* what the next call returns; then 0 again */
static char *page = NULL; static int page_len = 0;
static char *media = NULL; static int media_len = 0; static int chunk = 4;
static unsigned long long asked_seq; static unsigned int asked_limit; static int asked_timeout;
static char asked_proxy[128], asked_password[128];

long sim_living(void) { return living; }
void sim_answer(int code) { answer = code; }
unsigned long long sim_asked_seq(void) { return asked_seq; }
unsigned int sim_asked_limit(void) { return asked_limit; }
int sim_asked_timeout(void) { return asked_timeout; }
const char *sim_asked_proxy(void) { return asked_proxy; }
const char *sim_asked_password(void) { return asked_password; }

static void keep(char **to, int *to_len, const char *from, int len) {
    free(*to);
    *to = malloc(len ? len : 1);
    memcpy(*to, from, len);
    *to_len = len;
}
void sim_page(const char *data, int len) { keep(&page, &page_len, data, len); }
void sim_media(const char *data, int len, int at_once) { keep(&media, &media_len, data, len); chunk = at_once; }

static int next(void) { int code = answer; answer = 0; return code; }

WeWorkFinanceSdk_t *NewSdk(void) { living++; return calloc(1, sizeof(WeWorkFinanceSdk_t)); }
void DestroySdk(WeWorkFinanceSdk_t *sdk) { living--; free(sdk); }
int Init(WeWorkFinanceSdk_t *sdk, const char *corpid, const char *secret) {
    strncpy(sdk->corpid, corpid, 63);
    strncpy(sdk->secret, secret, 63);
    return strcmp(secret, "right") ? 10000 : next();
}

Slice_t *NewSlice(void) { living++; return calloc(1, sizeof(Slice_t)); }
void FreeSlice(Slice_t *slice) { living--; free(slice->buf); free(slice); }
char *GetContentFromSlice(Slice_t *slice) { return slice->buf; }
int GetSliceLen(Slice_t *slice) { return slice->len; }

int GetChatData(WeWorkFinanceSdk_t *sdk, unsigned long long seq, unsigned int limit,
                const char *proxy, const char *passwd, int timeout, Slice_t *slice) {
    if (!sdk->corpid[0]) return 10000;
    asked_seq = seq; asked_limit = limit; asked_timeout = timeout;
    strncpy(asked_proxy, proxy, 127); strncpy(asked_password, passwd, 127);
    keep(&slice->buf, &slice->len, page, page_len);   /* even when it refuses */
    return next();
}

static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int DecryptData(const char *key, const char *msg, Slice_t *slice) {
    int code = next(), len = (int)strlen(msg) / 2, key_len = (int)strlen(key);
    if (code) return code;
    if (!key_len) return 10008;
    slice->buf = malloc(len ? len : 1);
    slice->len = len;
    for (int n = 0; n < len; n++) {
        int high = digit(msg[2 * n]), low = digit(msg[2 * n + 1]);
        if (high < 0 || low < 0) return 10006;
        slice->buf[n] = (char)((high << 4 | low) ^ key[n % key_len]);
    }
    return 0;
}

MediaData_t *NewMediaData(void) { living++; return calloc(1, sizeof(MediaData_t)); }
void FreeMediaData(MediaData_t *made) { living--; free(made->outindexbuf); free(made->data); free(made); }
char *GetOutIndexBuf(MediaData_t *made) { return made->outindexbuf; }
int GetIndexLen(MediaData_t *made) { return made->out_len; }
char *GetData(MediaData_t *made) { return made->data; }
int GetDataLen(MediaData_t *made) { return made->data_len; }
int IsMediaDataFinish(MediaData_t *made) { return made->is_finish; }

int GetMediaData(WeWorkFinanceSdk_t *sdk, const char *index, const char *file_id,
                 const char *proxy, const char *passwd, int timeout, MediaData_t *made) {
    int code = next(), from = atoi(index), len;
    char at[16];
    if (!sdk->corpid[0]) return 10000;
    if (strcmp(file_id, "known")) return 10005;
    if (code) return code;
    len = media_len - from < chunk ? media_len - from : chunk;
    keep(&made->data, &made->data_len, media + from, len);
    made->is_finish = from + len >= media_len;
    /* digits without printf, to need no header more; the index is not a string with a length of its own */
    int value = from + len, n = 16;
    do { at[--n] = (char)('0' + value % 10); value /= 10; } while (value);
    keep(&made->outindexbuf, &made->out_len, at + n, 16 - n);
    return 0;
}
